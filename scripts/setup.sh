#!/bin/sh
# Makes .venv and installs the locked dependencies and the project itself into it.
# Needs nothing but a Python >= 3.11; does nothing if lock and project are unchanged.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
lock=requirements/dev.txt
stamp=.venv/.installed

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "no $python; on Debian or Ubuntu: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is older than 3.11; name a newer one: make PYTHON=python3.12 ..."

# The stamp bears what .venv was made from; anything else installs again.
wanted=$(cat pyproject.toml "$lock" | "$python" -c '
import hashlib, os, sys
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), sys.version.split()[0], os.getcwd())')
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps ensurepip in a package of its own, one for each version of Python.
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    sh scripts/apt_install.sh "$package" ||
        fail "$python has no ensurepip; as root: apt-get install $package"
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "virtual environment .venv"
    rm -rf .venv
    "$python" -m venv .venv
fi
say "dependencies from $lock, each checked against its hash"
.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
say "evertone itself"
.venv/bin/python -m pip install -qq --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >"$stamp"
