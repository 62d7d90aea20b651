#!/usr/bin/env bash
# Finds Chromium (or Chrome), or installs Debian's; the last line on standard output is the program. Tests of the console look at its page with it.
# Exits with 3 where it can do neither.
set -euo pipefail

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

find_chromium && exit 0
if ! command -v apt-get > /dev/null || [[ "$(id -u)" != 0 ]]; then
  echo "Chromium must be installed: this is no Debian, or you are not root." >&2
  exit 3
fi
export DEBIAN_FRONTEND=noninteractive
{
  apt-get install -y --no-install-recommends chromium || { apt-get update && apt-get install -y --no-install-recommends chromium; }
} >&2
find_chromium
