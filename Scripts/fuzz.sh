#!/usr/bin/env bash
# Runs every libFuzzer target of Fuzz/Package.swift for FUZZ_SECONDS (60), with AddressSanitizer, from
# the inputs in Fuzz/Corpora/TARGET. New inputs stay in .build-fuzz; one that crashes is kept there too
# and named. FUZZ_TARGETS restricts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh
[[ -f Fuzz/Package.swift ]] || die "there is no Fuzz/Package.swift"

scratch=$PWD/.build-fuzz
swift build --package-path Fuzz --scratch-path "$scratch" -c release \
    --sanitize=fuzzer --sanitize=address
seconds=${FUZZ_SECONDS:-60}
# Swift's own backtrace helper can wait for ever on a process that libFuzzer is ending.
export SWIFT_BACKTRACE=enable=no
read -ra targets <<<"${FUZZ_TARGETS:-$(swift package --package-path Fuzz \
    --scratch-path "$scratch" describe --type json |
    python3 -c 'import json, sys
for target in json.load(sys.stdin)["targets"]:
    if target["type"] == "executable":
        print(target["name"], end=" ")')}"
((${#targets[@]})) || die "Fuzz/Package.swift has no executable target"
failed=0
for target in "${targets[@]}"; do
    seeds=Fuzz/Corpora/$target found=$scratch/found/$target
    mkdir -p "$found"
    folders=("$found")
    [[ ! -d $seeds ]] || folders+=("$seeds")
    if timeout --kill-after=5 $((seconds + 60)) "$scratch/release/$target" \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$scratch/$target-" "${folders[@]}" \
        >"$scratch/$target.log" 2>&1 </dev/null; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$target.log")
        echo "$target: $runs inputs in $seconds s, none crashed"
    else
        failed=$((failed + 1))
        echo "$target: FAILED, see $scratch/$target.log"
        tail -n 5 "$scratch/$target.log" | cut -c 1-200
    fi
done
echo "$((${#targets[@]} - failed)) passed, $failed failed"
((failed == 0))
