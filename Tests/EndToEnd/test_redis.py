"""Several gateways, one Redis: one limit, whatever happens to Redis."""

import threading
import time

import pytest

from support.gateway import Gateway
from support.redis import Redis, is_installed
from support.waiting import until
from test_rate_limits import metric, statuses

pytestmark = pytest.mark.skipif(not is_installed(), reason="no redis-server")


@pytest.fixture
def make_redis(tmp_path):
    started = []

    def make(*options, **more):
        started.append(Redis(tmp_path, *options, **more))
        return started[-1]

    yield make
    for redis in started:
        redis.kill()


@pytest.fixture
def make_gateway(tmp_path):
    started = []

    def make(origin, redis, site, workers=2, expected=None):
        directory = tmp_path / f"gateway{len(started)}"
        directory.mkdir()
        gateway = Gateway(directory)
        started.append(gateway)
        gateway.start_before(
            origin.address, top=f"workers {workers}\n{redis}", site=site)
        connections = workers if expected is None else expected
        until(lambda: metric(gateway, "gateway_redis_connections") == connections, "Redis")
        return gateway

    yield make
    for gateway in started:
        try:
            gateway.end()
        finally:
            print(gateway.output)


def flood(gateways, count):
    results = []
    threads = [
        threading.Thread(target=lambda port=gateway.port: results.extend(statuses(port, count)))
        for gateway in gateways for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("algorithm", ["token_bucket", "sliding_window", "sliding_log",
                                       "fixed_window"])
def test_two_gateways_keep_one_limit_exactly(make_gateway, make_redis, origin, algorithm):
    redis = make_redis()
    site = f"rate_limit 60/h algorithm={algorithm} name=n"
    line = f"redis {redis.url} timeout=2s"
    pair = [make_gateway(origin, line, site), make_gateway(origin, line, site)]
    results = flood(pair, 25)
    assert results.count(200) == 60
    assert results.count(429) == len(results) - 60
    assert sum(metric(one, "gateway_redis_fallbacks_total") for one in pair) == 0
    assert "{gateway}:" in redis.command("KEYS", "*")


def test_a_lease_keeps_the_limit_within_its_bound(make_gateway, make_redis, origin):
    redis = make_redis()
    line = f"redis {redis.url} timeout=2s sync=lease"
    site = "rate_limit 200/h name=n"
    pair = [make_gateway(origin, line, site), make_gateway(origin, line, site)]
    results = flood(pair, 80)
    # A twentieth for each of four event loops may lie unspent, or be spent on top.
    assert 160 <= results.count(200) <= 240
    asked = sum(
        metric(one, "gateway_redis_answers_total") for one in pair)
    assert asked < len(results) / 2


def test_several_limits_are_taken_together_or_not_at_all(make_gateway, make_redis, origin):
    redis = make_redis()
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=2s",
        "rate_limit 10/h name=wide\n    route /a { rate_limit 2/h name=narrow; proxy app }")
    with gateway.client() as client:
        assert [client.get("/a").status for _ in range(6)] == [200] * 2 + [429] * 4
        assert [client.get("/").status for _ in range(9)] == [200] * 8 + [429]


def test_outcomes_are_counted_across_gateways(make_gateway, make_redis, make_origin):
    def script(connection):
        while request := connection.next_request():
            status = "401 Unauthorized" if request.target == "/bad" else "200 OK"
            connection.respond(b"x", status=status)

    redis = make_redis()
    gateway = make_gateway(
        make_origin(script), f"redis {redis.url} timeout=2s", "rate_limit 3/h count=401 name=n")
    with gateway.client() as client:
        for _ in range(10):
            assert client.get("/good").status == 200
        assert [client.get("/bad").status for _ in range(3)] == [401] * 3
        until(lambda: client.get("/good").status == 429, "the limit")


@pytest.mark.parametrize("mode", ["local", "open", "closed"])
def test_a_paused_redis_is_left_within_the_deadline(make_gateway, make_redis, origin, mode):
    redis = make_redis()
    gateways = " gateways=2" if mode == "local" else ""
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=100ms on_failure={mode}{gateways}",
        "rate_limit 10/h name=n", workers=1)
    assert statuses(gateway.port, 1) == [200]
    redis.pause()
    start = time.monotonic()
    with gateway.client() as client:
        slowest, results = 0, []
        for _ in range(20):
            began = time.monotonic()
            results.append(client.get().status)
            slowest = max(slowest, time.monotonic() - began)
    # One waits for the deadline, the others for nothing.
    assert time.monotonic() - start < 1.5
    assert slowest < 0.5
    expected = {"local": [200] * 5 + [429] * 15, "open": [200] * 20, "closed": [503] * 20}[mode]
    assert results == expected
    assert metric(gateway, "gateway_redis_timeouts_total") >= 1
    redis.resume()
    until(lambda: metric(gateway, "gateway_redis_connections") == 1, "the way back")
    assert statuses(gateway.port, 1) == [200]


def test_a_redis_that_dies_under_load_and_returns(make_gateway, make_redis, origin):
    redis = make_redis()
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=200ms on_failure=open", "rate_limit 1000000/s name=n")
    results, done = [], threading.Event()

    def ask():
        while not done.is_set():
            results.extend(statuses(gateway.port, 20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            redis.kill()
            until(lambda: metric(gateway, "gateway_redis_connections") == 0, "the loss")
            redis.start()
            until(lambda: metric(gateway, "gateway_redis_connections") == 2, "the way back")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(results) == {200}
    assert metric(gateway, "gateway_redis_fallbacks_total") > 0


def test_the_second_server_is_used_when_the_first_becomes_a_replica(
        make_gateway, make_redis, origin):
    first, second = make_redis(), make_redis()
    gateway = make_gateway(
        origin, f"redis {first.url} {second.url} timeout=500ms on_failure=closed",
        "rate_limit 5/h name=n", workers=1)
    assert statuses(gateway.port, 1) == [200]
    assert "n" in first.command("DBSIZE") or ":1" in first.command("DBSIZE")
    # As Sentinel does it: the other one is the master now.
    first.command("REPLICAOF", "127.0.0.1", second.port)
    until(lambda: statuses(gateway.port, 1) == [200], "the other server")
    until(lambda: ":1" in second.command("DBSIZE"), "the key on the other server")


def test_a_password_is_given(make_gateway, make_redis, origin):
    redis = make_redis("--requirepass", "geheim")
    gateway = make_gateway(
        origin, f"redis redis://:geheim@127.0.0.1:{redis.port}/3 timeout=2s on_failure=closed",
        "rate_limit 2/h name=n")
    assert statuses(gateway.port, 3) == [200, 200, 429]
