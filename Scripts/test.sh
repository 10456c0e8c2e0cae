#!/usr/bin/env bash
# All tests. Every stage runs even if one before it failed, except what needs a build that failed; the
# last line counts tests from the runners' own result files, and the exit status is 0 only if every
# stage passed and every runner ran something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh

Scripts/setup.sh test
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

failed=()
stage() {
    local name=$1 began=$SECONDS
    shift
    say "== $name"
    if "$@"; then
        say "== $name: passed, $((SECONDS - began)) s"
    else
        say "== $name: FAILED, $((SECONDS - began)) s"
        failed+=("$name")
        return 1
    fi
}

end_to_end() {
    # The release binary: it is what is shipped, and memory bounds mean nothing in a debug build.
    GATEWAY_BINARY=$PWD/.build/release/gateway \
        .venv/test/bin/python -m pytest -q -ra --junitxml "$results/end-to-end.xml" Tests/EndToEnd
}

stage 'lint' Scripts/lint.sh || true
stage 'unit and simulation tests' swift test --disable-xctest \
    --xunit-output "$results/unit.xml" || true
if stage 'release build' Scripts/build.sh; then
    stage 'make install' Scripts/test-install.sh || true
    stage 'make run' python3 Scripts/test_run.py || true
    stage 'end-to-end tests' end_to_end || true
fi

# SwiftPM adds the library's name to the file's only when it runs two libraries.
unit=$results/unit-swift-testing.xml
[[ -e $unit ]] || unit=$results/unit.xml
count=$(python3 Scripts/count_tests.py "$unit" "$results"/end-to-end.xml) ||
    failed+=("counting: a runner left no results")
if ((${#failed[@]})); then
    printf 'failed stage: %s\n' "${failed[@]}"
fi
printf '%s\n' "$count"
((${#failed[@]} == 0))
