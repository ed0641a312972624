#!/bin/sh
# Makes a checkout ready to run: MariaDB when missing, .venv from the lock, dbt's manifest.
#
# Safe to repeat and to interrupt: what is complete is left alone, a half-made .venv is made again, and the
# stamp that says "complete" is written last. pip, uv, apt and proxies follow the person's own settings.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

LOCK=requirements-dev.lock
STAMP=.venv/.refera-complete
BEGUN=.venv/.refera-begun
MANIFEST=dbt/target/manifest.json
SERVER='mariadbd mariadb-install-db mariadb mariadb-dump'
# The folder of mariadbd is not on a plain user's PATH on Debian.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }
stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}
have() {
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || return 1
    done
}
digest() { if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

# What .venv was made from. Its path belongs to it: scripts inside a moved .venv still point at the old place.
fingerprint() { { pwd -P && cat setup.cfg requirements.in "$LOCK"; } | digest; }

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" || stop "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13: name one that is, or leave PYTHON out."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3.11 python3 python3.12 python3.13 /usr/bin/python3; do
        if suits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    stop "Python 3.11, 3.12 or 3.13 is needed and none was found (python3 is $(python3 -V 2>/dev/null || echo absent)):" \
        "install one (Debian 12 or 13: apt-get install python3; macOS: brew install python@3.11)" \
        "or name one with make setup PYTHON=/path/to/python3.11"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -n "${http_proxy:-}${https_proxy:-}" ]; then
        sudo --preserve-env=http_proxy,https_proxy,no_proxy "$@"
    else
        sudo "$@"
    fi
}

# Installs the named packages of the distribution, or says who can.
packages() {
    if [ "$(uname -s)" = Darwin ]; then
        stop "MariaDB is missing: run brew install mariadb, then make again."
    fi
    have apt-get || stop "$* are missing (names as Debian has them): install them with your package manager, then run make again."
    if [ "$(id -u)" -ne 0 ] && ! { have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; then
        stop "$* are missing and only root can install them: ask for apt-get install -y --no-install-recommends $*, then run make again."
    fi
    say "installing $* (apt-get)"
    log=$(mktemp)
    # A mirror that cannot be reached may not matter: the lists of yesterday are often enough.
    as_root apt-get update -q >"$log" 2>&1 || say "apt-get update failed; trying with the lists that are here"
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        stop "apt-get could not install $* (last lines above, all of them in $log)."
    fi
    rm -f "$log"
}

# pip's own messages as one line that counts.
count_packages() {
    if [ -t 1 ]; then every=1 back='\r' end=''; else every=40 back='' end='\n'; fi
    awk -v total="$(grep -c '^[a-zA-Z0-9].*==' "$LOCK")" -v every="$every" -v back="$back" -v end="$end" '
        /^Ignoring / { total-- }
        /^(Collecting|Processing) / && ++seen % every == 0 {
            printf "%ssetup: %d of %d packages fetched%s", back, seen, total, end; fflush()
        }
        /^Installing collected/ { if (end == "") print ""; print "setup: unpacking them"; fflush() }'
}

install_with_uv() {
    "$python" -m venv --without-pip .venv &&
        uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r "$LOCK" &&
        uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
}

install_with_pip() {
    can_make_venv || packages "$(venv_package)" ca-certificates
    "$python" -m venv .venv
    log=$(mktemp)
    # A pipe hides how its first part ended, so that part says it in the marker.
    {
        .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
            --no-deps --require-hashes -r "$LOCK" 2>"$log" || echo failed >"$BEGUN"
    } | count_packages
    if [ -s "$BEGUN" ]; then
        tail -n 15 "$log" >&2
        stop "pip could not install $LOCK (last lines above, all of them in $log):" \
            "mend the network or pip's configuration, then run make again."
    fi
    rm -f "$log"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
}

can_make_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }
venv_package() { "$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'; }

# Whether .venv is whole, of this place and of this lock.
environment_is_complete() {
    [ ! -e "$BEGUN" ] && [ "$(tail -n 1 "$STAMP" 2>/dev/null)" = "$(fingerprint)" ] && suits .venv/bin/python
}

make_environment() {
    if [ -e "$BEGUN" ] || { [ -e "$STAMP" ] && [ "$(head -n 1 "$STAMP")" != "$(pwd -P)" ]; } ||
        { [ -d .venv ] && ! suits .venv/bin/python; }; then
        say "removing a .venv that is incomplete, moved or of another Python"
        rm -rf .venv
    fi
    say "filling .venv from $LOCK with $("$python" -V 2>&1) (minutes the first time)"
    mkdir -p .venv
    rm -f "$STAMP"
    : >"$BEGUN"
    if ! have uv || ! { install_with_uv || { say "uv could not; trying pip" && false; }; }; then
        install_with_pip
    fi
    printf '%s\n%s\n' "$(pwd -P)" "$(fingerprint)" >"$STAMP.new"
    mv "$STAMP.new" "$STAMP"
    rm -f "$BEGUN" "$MANIFEST"
}

# Two terminals may call this at once; the second waits for the first and finds everything done.
if have flock; then
    exec 9<"$LOCK"
    flock 9
fi

changed=''
wanted=''
python=.venv/bin/python
if ! environment_is_complete; then
    changed=yes
    python=$(find_python) || exit 1
    have uv || can_make_venv || wanted="$(venv_package)"
fi
# Word splitting is meant below: one program, or one package, a word.
# shellcheck disable=SC2086
have $SERVER || wanted="mariadb-server-core mariadb-client $wanted"
if [ -n "$wanted" ]; then
    # shellcheck disable=SC2086
    packages $wanted ca-certificates
    # shellcheck disable=SC2086
    have $SERVER || stop "MariaDB is installed, yet one of $SERVER is not on the PATH: add its folder, then run make again."
fi
[ -z "$changed" ] || make_environment
[ -z "$changed" ] || say "reading the dbt project"
# It looks at the files' ages itself, in less time than it would take here.
.venv/bin/python -m refera_platform.warehouse.dbt_manifest
if [ -n "$changed$wanted" ]; then say "complete"; fi
