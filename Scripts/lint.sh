#!/usr/bin/env bash
# Form: swift-format on the Swift, Scripts/check on the rest. The rules of substance (imports, clocks,
# sizes) are tests, in Tests/RepositoryTests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folders=()
for folder in Sources Tests Fuzz; do
    [[ -e $folder ]] && folders+=("$folder")
done
status=0
# A fuzz package's own build folder holds copies of other people's packages.
find "${folders[@]}" -name '.build*' -prune -o -name '*.swift' -print0 |
    xargs -0 swift format lint --strict --parallel --configuration .swift-format || status=1
Scripts/check || status=1
exit "$status"
