#!/bin/sh
# Installs the servers and tools that the tests run, where that can be done.
# It never fails: a tool still missing skips its tests by name (with CI=true it fails them).
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # Debian keeps servers out of an ordinary user's path

missing= services=
need() { # need PROGRAM PACKAGE [SERVICE]
    command -v "$1" >/dev/null && return
    missing="$missing $2"
    services="$services ${3:-}"
}
need kamailio kamailio kamailio
need named bind9 named
need sipp sip-tester
need tshark tshark
need ip iproute2
need unshare util-linux

[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # one word per package
if sh scripts/apt_install.sh $missing; then
    # The tests start servers of their own; those that came with the packages would only be
    # in the way of others, so they go no further than their installation.
    if [ -d /run/systemd/system ]; then
        for service in $services; do
            systemctl disable --quiet --now "$service" 2>/dev/null || true
        done
    fi
else
    echo "==> not installed:$missing; the tests that need them say so"
fi
