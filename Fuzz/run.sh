#!/bin/sh
# Builds and runs every fuzz target: Fuzz/run.sh [seconds for each] [target...]
#
# A target is one file, Sources/NAME/NAME.swift, that defines LLVMFuzzerTestOneInput; its seeds are
# the files in Corpus/NAME. What the fuzzer finds on the way stays in .build/corpus/NAME, and an
# input that breaks something is written to .build/crashes/.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(ls Sources)

sanitize=-sanitize=fuzzer,address
# -parse-as-library: one file without it would be taken for a script.
for target; do
    swift build -c release --product "$target" \
        -Xswiftc $sanitize -Xswiftc -parse-as-library -Xswiftc -g
done
mkdir -p .build/crashes .build/bin
failed=
for target; do
    swiftc $sanitize -static-stdlib -o ".build/bin/$target" ".build/release/lib$target.a" \
        2>/dev/null ||
        swiftc $sanitize -o ".build/bin/$target" ".build/release/lib$target.a"
    mkdir -p ".build/corpus/$target"
    echo "== $target: $seconds seconds"
    # Leaks are not looked for: the runtime's own once-only allocations would be reported.
    ASAN_OPTIONS=detect_leaks=0 ".build/bin/$target" -max_total_time="$seconds" -max_len=1024 \
        -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix=".build/crashes/$target-" ".build/corpus/$target" "Corpus/$target" \
        || failed="$failed $target"
done
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
