#!/usr/bin/env bash
# Counts the instructions of user space for each request: the same binary and load give the same
# number, however busy the machine is.
#   Benchmarks/callgrind.sh [SCENARIO=small] [PEER=gateway] [REQUESTS=2000]
# Of a scenario with handshakes: for each connection with its handshake and its request.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh
need_packages valgrind
python3 Benchmarks/instructions.py "${1:-small}" "${2:-gateway}" "${3:-2000}"
