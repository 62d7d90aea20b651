#!/usr/bin/env bash
# Runs one stage of many: its name before, its time after. Usage: stage.sh NAME COMMAND [ARGUMENT...]
set -uo pipefail
name=$1
shift
echo "==> $name"
began=$SECONDS
"$@"
status=$?
if ((status == 0)); then
  echo "    $name: ok, $((SECONDS - began)) s"
else
  echo "    $name: FAILED after $((SECONDS - began)) s: $*" >&2
fi
exit "$status"
