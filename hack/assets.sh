#!/usr/bin/env bash
# Builds, or finds, the control plane's binaries: etcd, kube-apiserver, kube-controller-manager, kubectl.
# The last line on standard output is their folder; all else goes to standard error.
#
#   KUBEBUILDER_ASSETS   a folder that already holds them (setup-envtest's will do): used as it is
#   XDG_CACHE_HOME       where the result is kept, by version (default ~/.cache); outside the source tree
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module="$here/controlplane"

if [[ -n "${KUBEBUILDER_ASSETS:-}" ]]; then
  for name in etcd kube-apiserver kubectl; do
    if [[ ! -x "$KUBEBUILDER_ASSETS/$name" ]]; then
      echo "KUBEBUILDER_ASSETS must be a folder that holds $name; $KUBEBUILDER_ASSETS does not. Unset it to have the binaries built." >&2
      exit 1
    fi
  done
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

version=$(awk '$1 == "k8s.io/kubernetes" && $2 ~ /^v/ {print $2; exit}' "$module/go.mod")
key=$(cat "$module/go.mod" "$module/go.sum" | sha256sum | cut -c1-12)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/controlplane"
dir="$cache/$version-$key"
mkdir -p "$dir"

# Two makes at once build once: the second waits here and finds the result.
exec 9>"$dir/.lock"
if ! flock -n 9; then
  echo "Another build of the control plane is under way; waiting for it..." >&2
  flock 9
fi

build() { # name package linker-flags
  [[ -x "$dir/$1" ]] && return
  echo "Building $1 ($3)..." >&2
  local began=$SECONDS
  (cd "$module" && CGO_ENABLED=0 go build -trimpath -o "$dir/.$1.partial" -ldflags "-s -w $4" "$2")
  mv "$dir/.$1.partial" "$dir/$1"
  echo "Built $1 in $((SECONDS - began)) s." >&2
}

stamp="-X k8s.io/component-base/version.gitVersion=$version"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "once per version; about 5 minutes on two cores" "$stamp"
build etcd go.etcd.io/etcd/server/v3 "about 15 seconds" ""
build kubectl k8s.io/kubernetes/cmd/kubectl "about 30 seconds" "$stamp"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "about 75 seconds" "$stamp"

echo "$dir"
