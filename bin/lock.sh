#!/bin/sh
# Compiles the lock files: hashed, for every platform, without the address of an index. Each is bound by the one before.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

command -v uv >/dev/null 2>&1 || {
    echo 'lock: uv was not found: install it (https://docs.astral.sh/uv), then run make lock again.' >&2
    exit 1
}

# lock WISHES LOCK [BOUND_BY]
lock() {
    uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header \
        ${3:+-c "$3"} "$1" -o "$2"
    printf 'lock: %s\n' "$2"
}

lock requirements-dev.in requirements-dev.lock
lock requirements.in requirements.lock requirements-dev.lock
lock deploy/docker/dagster.in deploy/docker/dagster.lock requirements.lock
lock deploy/lambda/extract.in deploy/lambda/extract.lock requirements.lock
lock deploy/lambda/transform.in deploy/lambda/transform.lock requirements.lock
