#!/usr/bin/env bash
# Regenerates, tidies and formats, and fails if that changes a file or leaves a generated one out of git.
# Work that is not committed yet is no failure by itself: what was before is compared with what is after.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

index=$(mktemp)
trap 'rm -f "$index"' EXIT

# The tree as a commit of everything would hold it, made in an index of its own so that what is staged stays as it is.
snapshot() {
  cp "$(git rev-parse --git-path index)" "$index"
  GIT_INDEX_FILE=$index git add --all
  GIT_INDEX_FILE=$index git write-tree
}

before=$(snapshot)
make generate fmt
go mod tidy
after=$(snapshot)

failed=0
if [[ "$before" != "$after" ]]; then
  echo "These files were out of date; they are right now. Review and commit them (\`make generate fmt\` and \`go mod tidy\` made them):" >&2
  git --no-pager diff --stat "$before" "$after" >&2
  failed=1
fi
untracked=$(git ls-files --others --exclude-standard -- config/crd config/rbac docs/api.md go.sum ':(glob)**/zz_generated*' ':(glob)**/*.gen.go')
if [[ -n "$untracked" ]]; then
  echo "These generated files are not in git; commit them:" >&2
  sed 's/^/  /' <<<"$untracked" >&2
  failed=1
fi
exit "$failed"
