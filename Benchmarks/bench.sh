#!/usr/bin/env bash
# The comparison: installs the peers, builds the release binary, runs Benchmarks/bench.py with the
# words of the environment (SCENARIOS, PEERS, ROUNDS, SECONDS_EACH) or the arguments.
# GATEWAY_BINARY names another binary than the one built here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
Scripts/setup.sh bench
[[ -n ${GATEWAY_BINARY:-} ]] || Scripts/build.sh
arguments=()
[[ -z ${SCENARIOS:-} ]] || arguments+=(--scenarios "$SCENARIOS")
[[ -z ${PEERS:-} ]] || arguments+=(--peers "$PEERS")
[[ -z ${ROUNDS:-} ]] || arguments+=(--rounds "$ROUNDS")
[[ -z ${SECONDS_EACH:-} ]] || arguments+=(--seconds "$SECONDS_EACH")
exec python3 Benchmarks/bench.py "${arguments[@]}" "$@"
