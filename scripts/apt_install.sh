#!/bin/sh
# apt_install.sh PACKAGE...: installs Debian packages; fails (1) where that cannot be done here.
set -eu

say() { printf '==> %s\n' "$*"; }

command -v apt-get >/dev/null || { echo "no apt-get here: install $* by other means" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "not root; run: sudo apt-get install $*" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
say "installing $*"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists of a fresh machine are empty, those of an old one point at files long gone.
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
fi
