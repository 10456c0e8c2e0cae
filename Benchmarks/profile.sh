#!/usr/bin/env bash
# Where the gateway's CPU time goes under a load scenario: perf's samples of the CPU clock, the kernel's
# share and the program's apart.
#   Benchmarks/profile.sh [SCENARIO=small] [PEER=gateway] [SECONDS=10]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh
need_packages linux-perf
data=Benchmarks/work/profile
mkdir -p "$data"
python3 Benchmarks/under_load.py "${1:-small}" "${2:-gateway}" "${3:-10}" -- \
    perf record --quiet -e cpu-clock -F 4999 -g -o "$data/perf.data" -p PID -- sleep "${3:-10}"
report() { perf report -i "$data/perf.data" --no-children -g none --stdio "$@" 2>/dev/null |
    grep -v '^#' | sed '/^$/d'; }
say 'Share by where the code is'
report --sort dso | head -n 12
say 'The program and its libraries, self time'
report --sort symbol,dso | grep -v '\[k\]' | head -n 45
say 'The kernel, self time'
report --sort symbol,dso | grep '\[k\]' | head -n 25
echo "perf report -i $data/perf.data shows the callers"
