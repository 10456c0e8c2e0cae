"""The public caching suite, as far as its data is here, against the gateway as it is."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from support import cache_suite

VECTORS = Path(os.environ.get("GATEWAY_VECTORS", Path(__file__).parents[3] / "shared/vectors"))
DATA = VECTORS / "cache-tests.json"

# What does not pass, each with its reason; a test fails when another one does not, and when one of
# these does.
KNOWN = Path(__file__).parent / "cache_suite_known.json"


@pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}")
def test_public_caching_suite(gateway):
    tests = cache_suite.load(DATA)

    def start(origin_port):
        gateway.start_before(f"127.0.0.1:{origin_port}", site="cache")
        return gateway.port

    outcomes = asyncio.run(cache_suite.run_suite(tests, start))
    by_id = {test["id"]: test for test in tests}
    failed = {}
    for kind in ("required", "optimal", "check"):
        of_kind = [test for test in tests if test["kind"] == kind]
        good = [test for test in of_kind if cache_suite.passed(test, outcomes, by_id)]
        print(f"{kind}: {len(good)} of {len(of_kind)}")
        for test in of_kind:
            if test not in good:
                failed[test["id"]] = kind
                print(f"  {kind} {test['id']}: {outcomes[test['id']]}")
    known = json.loads(KNOWN.read_text())
    counted = {name for name, kind in failed.items() if kind != "check"}
    assert counted == set(known), "more or fewer tests pass than before"


@pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}")
def test_public_caching_suite_where_cookies_are_stored(gateway):
    """What the suite says of responses that set cookies holds where the route stores those."""
    tests = [test for test in cache_suite.load(DATA) if "cookie" in test["id"].lower()]

    def start(origin_port):
        text = gateway.configuration(f"127.0.0.1:{origin_port}", site="cache")
        route = "route * {\ncache\ncache_cookies on\nproxy app\n}"
        gateway.start(text.replace("cache\n    proxy app", route))
        return gateway.port

    outcomes = asyncio.run(cache_suite.run_suite(tests, start))
    assert len(outcomes) >= 4 and set(outcomes.values()) == {None}, outcomes
