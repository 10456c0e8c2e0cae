# shellcheck shell=bash
# What the scripts share. Sourced, never run; the caller has set -euo pipefail.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Installs the Debian packages among the arguments that are missing. When none is, it asks nothing
# of the network, so that a prepared machine works offline.
need_packages() {
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "these packages are needed: ${missing[*]}"
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "run this as root, there is no sudo: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

need_swift() {
    command -v swift >/dev/null ||
        die "Swift 6.3 or later is needed and no 'swift' is on the PATH: https://www.swift.org/install"
    local version
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' |
        head -n 1)
    local major=${version% *} minor=${version#* }
    [[ -n $version ]] || die "'swift --version' did not say which version it is"
    ((major > 6 || (major == 6 && minor >= 3))) ||
        die "Swift 6.3 or later is needed; this is Swift $major.$minor"
}

# Makes or renews a Python environment. A stamp holds the hash of what was asked for, so that an
# environment that is up to date costs one comparison and no network.
#   need_venv DIRECTORY REQUIREMENTS_FILE...
need_venv() {
    local directory=$1 wanted
    shift
    wanted=$(cat "$@" | sha256sum)
    if [[ -x $directory/bin/python && $(cat "$directory/stamp" 2>/dev/null) == "$wanted" ]]; then
        return 0
    fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
    say "Making the Python environment $directory"
    rm -rf "$directory"
    python3 -m venv "$directory"
    local file arguments=()
    for file in "$@"; do arguments+=(-r "$file"); done
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "${arguments[@]}"
    printf '%s\n' "$wanted" >"$directory/stamp"
}

# Ends a process that leads its own process group, and whatever is left of that group: politely, and
# after some seconds not.
#   end_group PID SECONDS
end_group() {
    local pid=$1 tenths=$(($2 * 10))
    kill -TERM "$pid" 2>/dev/null || true
    while ((tenths-- > 0)) && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
