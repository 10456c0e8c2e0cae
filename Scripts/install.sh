#!/usr/bin/env bash
# Installs what Scripts/build.sh built, under $DESTDIR$PREFIX. The configuration goes to /etc, or to
# $PREFIX/etc unless PREFIX is /usr or /usr/local; one that exists is never overwritten.
# GATEWAY_BINARY names another binary than the one built here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
prefix=${PREFIX:-/usr/local} root=${DESTDIR:-}
[[ $prefix == /* ]] || {
    echo "error: PREFIX must be an absolute path, not '$prefix'" >&2
    exit 1
}
binary=${GATEWAY_BINARY:-.build/release/gateway}
case $prefix in
/usr | /usr/local) etc=/etc/gateway ;;
*) etc=$prefix/etc/gateway ;;
esac
# systemd reads units of the administrator below /usr/local/lib too, and of packages below /usr/lib.
units=$root$prefix/lib/systemd/system
documents=$root$prefix/share/doc/gateway
pages=$root$prefix/share/man

install -d "$root$prefix/bin" "$units" "$pages/man1" "$pages/man5" "$documents" "$root$etc"
install -m 755 -s "$binary" "$root$prefix/bin/gateway"
fill() { sed -e "s|@BINDIR@|$prefix/bin|g" -e "s|@CONFIG@|$etc/gateway.conf|g" "$1"; }
fill Packaging/gateway.service | install -m 644 /dev/stdin "$units/gateway.service"
# An example, not a unit: which sockets it should hold depends on the configuration.
fill Packaging/gateway.socket | install -m 644 /dev/stdin "$documents/gateway.socket"
fill Packaging/gateway.1 | install -m 644 /dev/stdin "$pages/man1/gateway.1"
fill Packaging/gateway.conf.5 | install -m 644 /dev/stdin "$pages/man5/gateway.conf.5"
if [[ -e $root$etc/gateway.conf ]]; then
    fill Packaging/gateway.conf | install -m 644 /dev/stdin "$documents/gateway.conf.new"
    echo "kept $root$etc/gateway.conf; the default is $documents/gateway.conf.new"
else
    fill Packaging/gateway.conf | install -m 644 /dev/stdin "$root$etc/gateway.conf"
fi
echo "installed $root$prefix/bin/gateway"
