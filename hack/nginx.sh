#!/usr/bin/env bash
# Finds nginx, or installs Debian's; the last line on standard output is the program. Tests put it in front of the gateway as a proxy.
# Exits with 3 where it can do neither.
set -euo pipefail

find_nginx() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nginx; }

find_nginx && exit 0
if ! command -v apt-get > /dev/null || [[ "$(id -u)" != 0 ]]; then
  echo "nginx must be installed: this is no Debian, or you are not root." >&2
  exit 3
fi
# Its own service is of no use here, and would listen on port 80.
policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
{
  apt-get install -y --no-install-recommends nginx-light || { apt-get update && apt-get install -y --no-install-recommends nginx-light; }
} >&2
find_nginx
