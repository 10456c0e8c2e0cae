#!/usr/bin/env bash
# Installs into a temporary folder and looks at what is there. GATEWAY_BINARY as for install.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

DESTDIR=$root PREFIX=/usr/local Scripts/install.sh >/dev/null
for file in usr/local/bin/gateway usr/local/lib/systemd/system/gateway.service \
    usr/local/share/man/man1/gateway.1 usr/local/share/man/man5/gateway.conf.5 \
    usr/local/share/doc/gateway/gateway.socket etc/gateway/gateway.conf; do
    [[ -s $root/$file ]] || die "not installed: $file"
done
! grep -rlE '@[A-Z]+@' "$root/etc" "$root/usr/local/lib" "$root/usr/local/share" ||
    die "a placeholder was left in the file above"
readelf -S "$root/usr/local/bin/gateway" | grep -q '\.symtab' && die "the binary is not stripped"
"$root/usr/local/bin/gateway" version >/dev/null || die "the installed binary does not run"
"$root/usr/local/bin/gateway" check --config "$root/etc/gateway/gateway.conf" >/dev/null ||
    die "the default configuration does not load"

# Units, where this machine has systemd's own checker; it wants the binary at its final place.
if command -v systemd-analyze >/dev/null; then
    mkdir "$root/units"
    sed "s|^ExecStart=/usr/local|ExecStart=$root/usr/local|" \
        "$root/usr/local/lib/systemd/system/gateway.service" >"$root/units/gateway.service"
    cp "$root/usr/local/share/doc/gateway/gateway.socket" "$root/units/"
    systemd-analyze verify --man=no --recursive-errors=no \
        "$root/units/gateway.service" "$root/units/gateway.socket" || die "systemd-analyze objects"
fi
if command -v man >/dev/null; then
    for page in man1/gateway.1 man5/gateway.conf.5; do
        problems=$(LC_ALL=C.UTF-8 MANWIDTH=80 \
            man --warnings -E UTF-8 -l -Tutf8 "$root/usr/local/share/man/$page" 2>&1 >/dev/null)
        [[ -z $problems ]] || die "$page: $problems"
    done
fi

# A configuration that exists stays as it is, and the new default lies beside.
echo '# mine' >"$root/etc/gateway/gateway.conf"
DESTDIR=$root PREFIX=/usr/local Scripts/install.sh >/dev/null
[[ $(cat "$root/etc/gateway/gateway.conf") == '# mine' ]] || die "the configuration was overwritten"
[[ -s $root/usr/local/share/doc/gateway/gateway.conf.new ]] || die "no new default beside it"

DESTDIR=$root PREFIX=/opt/gateway Scripts/install.sh >/dev/null
grep -q '^ExecStart=/opt/gateway/bin/gateway run --config /opt/gateway/etc/gateway/gateway.conf$' \
    "$root/opt/gateway/lib/systemd/system/gateway.service" || die "PREFIX is not in the unit"
echo "make install: 3 installations looked at, all as they should be"
