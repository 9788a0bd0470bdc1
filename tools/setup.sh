#!/bin/sh
# Makes or refreshes the virtual environment: `tools/setup.sh run` or `tools/setup.sh dev`.
#
# Needs Python 3.11 or newer and nothing else. PYTHON chooses the interpreter, VENV the folder
# (default .venv). Does nothing when the locks, pyproject.toml and the interpreter are the same
# as at the last run.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-run}
venv=${VENV:-.venv}

fail() {
    echo "setup: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a working Python 3.11 or newer"
        echo "$PYTHON"
        return
    fi
    # An environment that works is kept, whatever `python3` means today.
    for candidate in "$venv/bin/python" python3 python3.13 python3.12 python3.11; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed; none found as python3 (set PYTHON=/path/to/python3)"
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none
}

python=$(find_python)
version=$(version_of "$python")

if [ "$(version_of "$venv/bin/python")" != "$version" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "this Python has no venv module; on Debian or Ubuntu: sudo apt-get install python$version-venv"
    echo "setup: making $venv with Python $version"
    "$python" -m venv --clear "$venv"
fi

locks="requirements/uv.txt requirements/run.txt"
[ "$kind" = run ] || locks="$locks requirements/dev.txt"
# The folder is part of it: an environment that was moved has to be made again.
stamp="$PWD $version $(cat $locks pyproject.toml | cksum)"
stamp_file="$venv/.tallybrook-$kind"
[ "$(cat "$stamp_file" 2>/dev/null || true)" != "$stamp" ] || exit 0

echo "setup: installing the locked packages ($kind)"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes \
    -r requirements/uv.txt
# uv does not read pip's configuration; a machine set up for pip alone must work too.
settings=$("$venv/bin/python" tools/pip_settings.py)
eval "$settings"
uv() {
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" "$@"
}
[ "$kind" = run ] || uv --require-hashes -r requirements/dev.txt
[ "$kind" != run ] || uv --require-hashes -r requirements/run.txt
uv --no-deps --no-build-isolation -e .
printf '%s\n' "$stamp" >"$stamp_file"
