#!/usr/bin/env bash
# Copyright The Seatkeeper Authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the plugin's archives and krew manifest into dist/krew. The same commit, version and Go give the same bytes on any machine.
#
#     hack/krew.sh v1.2.3 [os_arch...]
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-}
if [[ ! $version =~ ^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "The version must be a semantic one with a v before it, such as v1.2.3: hack/krew.sh VERSION" >&2
  exit 1
fi
shift
template=config/krew/seats.yaml
platforms=("$@")
if ((${#platforms[@]} == 0)); then
  mapfile -t platforms < <(sed -n 's/.*sha256: SHA256_//p' "$template")
fi

out=dist/krew
rm -rf "$out"
mkdir -p "$out"
cp "$template" "$out/seats.yaml"
sed -i -e '/^#/d' -e "s/VERSION/$version/" "$out/seats.yaml"
for platform in "${platforms[@]}"; do
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  binary=kubectl-seats
  [[ $platform == windows_* ]] && binary=kubectl-seats.exe
  CGO_ENABLED=0 GOOS=${platform%_*} GOARCH=${platform#*_} GOFLAGS="${GOFLAGS:-} -trimpath -buildvcs=false" \
    go build -ldflags "-s -w -buildid= -X main.version=$version" -o "$stage/$binary" ./cmd/kubectl-seats
  cp LICENSE "$stage/LICENSE"
  chmod 755 "$stage/$binary"
  chmod 644 "$stage/LICENSE"
  archive=$out/kubectl-seats_$platform.tar.gz
  # Nothing of this machine or moment: no names, no times, a fixed order.
  tar -C "$stage" --sort=name --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - LICENSE "$binary" | gzip -9n > "$archive"
  rm -rf "$stage"
  sum=$(sha256sum "$archive" | cut -d' ' -f1)
  sed -i "s/SHA256_$platform\$/$sum/" "$out/seats.yaml"
  echo "$sum  $archive"
done
echo "$out/seats.yaml"
