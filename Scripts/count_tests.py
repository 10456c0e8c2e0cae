"""Adds up JUnit result files and prints 'N passed, N failed, N skipped'.

Exit status 1 if a file is missing, unreadable or holds no executed test: a runner that ran nothing
must not pass for one that passed.
"""

import sys
import xml.etree.ElementTree as ElementTree

passed = failed = skipped = 0
complete = True
for path in sys.argv[1:]:
    executed = 0
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"no test results: {error}", file=sys.stderr)
        cases = []
    for case in cases:
        if case.find("skipped") is not None:
            skipped += 1
            continue
        executed += 1
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    complete = complete and executed > 0
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(0 if complete else 1)
