#!/bin/sh
# Resolves the locks again: requirements/{uv,run,dev}.txt, for every platform and Python >= 3.11.
#
# Files with hashes instead of uv.lock, because uv.lock names the index it was resolved from
# (docs/decisions/0001-house.md).
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
settings=$("$venv/bin/python" tools/pip_settings.py --main-index)
eval "$settings"

compile() {
    output=$1
    shift
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
        -c requirements/limits.in \
        "$@" -o "$output"
}

compile requirements/uv.txt --group setup
compile requirements/run.txt pyproject.toml --group build
# What the Lambda functions are packed from; what embedded has beside it stays out.
compile requirements/aws.txt pyproject.toml --extra aws -c requirements/run.txt
# The same versions as at run time, and what testing and checking need beside them.
compile requirements/dev.txt pyproject.toml --extra aws --group build --group test --group lint \
    --group infra \
    -c requirements/run.txt
if grep -n '://' requirements/*.txt; then
    echo "lock: an address got into the locks" >&2
    exit 1
fi
