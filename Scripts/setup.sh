#!/usr/bin/env bash
# Installs what a purpose needs and this machine lacks; see need_packages.
#   Scripts/setup.sh build|run|test|bench
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh

build=(
    g++ libc-ares-dev libbrotli-dev libdeflate-dev libhiredis-dev libisal-dev libssl-dev
    libzstd-dev pkg-config zlib1g-dev
)
case ${1:-} in
build)
    need_swift
    need_packages "${build[@]}"
    ;;
run)
    need_swift
    need_packages "${build[@]}" curl procps
    need_venv .venv/run Examples/flask/requirements.txt
    ;;
test)
    need_swift
    need_packages "${build[@]}" curl nodejs openssl procps redis-server shellcheck sslscan \
        testssl.sh uwsgi-core uwsgi-plugin-python3
    need_venv .venv/test Examples/flask/requirements.txt Tests/EndToEnd/requirements.txt
    ;;
bench)
    need_swift
    need_packages "${build[@]}" nginx haproxy varnish wrk procps zstd
    need_venv Benchmarks/work/venv Benchmarks/requirements.txt
    ;;
*) die "usage: Scripts/setup.sh build|run|test|bench" ;;
esac
