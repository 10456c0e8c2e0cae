"""Several gateways, one Redis: one limit, whatever happens to Redis."""

import json
import threading
import time

import pytest

from support.gateway import Gateway, run_command
from support.redis import Redis, is_installed, replicate
from support.waiting import free_port, until
from support.wire import Client
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
    # Of a day: the end of a window seldom comes between.
    site = f"rate_limit 60/d algorithm={algorithm} name=n"
    line = f"redis {redis.url} timeout=10s"
    pair = [make_gateway(origin, line, site), make_gateway(origin, line, site)]
    results = flood(pair, 25)
    assert results.count(200) == 60
    assert results.count(429) == len(results) - 60
    assert sum(metric(one, "gateway_redis_fallbacks_total") for one in pair) == 0
    assert "{gateway}:" in redis.command("KEYS", "*")


def test_a_lease_keeps_the_limit_within_its_bound(make_gateway, make_redis, origin):
    redis = make_redis()
    line = f"redis {redis.url} timeout=10s sync=lease"
    site = "rate_limit 200/h name=n"
    pair = [make_gateway(origin, line, site), make_gateway(origin, line, site)]
    began = time.monotonic()
    results = flood(pair, 80)
    seconds = time.monotonic() - began
    # A twentieth for each of four event loops may lie unspent, or be spent on top.
    assert 160 <= results.count(200) <= 240
    asked = sum(
        metric(one, "gateway_redis_answers_total") for one in pair)
    # Each of the four asks for a new lease once a second at most, and remembers a refusal for a
    # tenth of a second: on a slow machine that adds up.
    assert asked < len(results) / 2 + 4 * 11 * (seconds - 1)


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


def test_a_reset_at_one_gateway_holds_for_all(make_gateway, make_redis, origin):
    redis = make_redis()
    line = f"redis {redis.url} timeout=2s"
    pair = [make_gateway(origin, line, "rate_limit 2/h name=n") for _ in range(2)]
    assert statuses(pair[0].port, 3) == [200, 200, 429]
    assert statuses(pair[1].port, 1) == [429]
    token = "control_token=0123456789abcdef"
    address = f"127.0.0.1:{pair[1].metrics_port}"
    pair[1].reload(pair[1].file.read_text().replace(address, f"{address} {token}"))

    def command(*arguments):
        return run_command("limits", *arguments, "--config", pair[1].file,
                           cwd=pair[1].directory)

    until(lambda: command("top").returncode == 0, "the token")
    # What is left stands in Redis, and is not claimed here.
    assert json.loads(command("top", "--json").stdout)[0]["remaining"] is None
    assert command("reset", "127.0.0.1").returncode == 0
    until(lambda: "{gateway}:" not in redis.command("KEYS", "*"), "the counter to go")
    assert statuses(pair[0].port, 3) == [200, 200, 429]


@pytest.mark.parametrize("mode", ["local", "open", "closed"])
def test_a_paused_redis_is_left_within_the_deadline(make_gateway, make_redis, origin, mode):
    redis = make_redis()
    gateways = " gateways=2" if mode == "local" else ""
    # Long beside what an answer takes on a busy machine.
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=1s on_failure={mode}{gateways}",
        "rate_limit 10/h name=n", workers=1)
    assert statuses(gateway.port, 1) == [200]
    redis.pause()
    with gateway.client() as client:
        times, results = [], []
        for _ in range(20):
            began = time.monotonic()
            results.append(client.get().status)
            times.append(time.monotonic() - began)
    # One waits for the deadline, the others for nothing.
    assert sum(each >= 0.9 for each in times) == 1
    assert sum(times) < 10
    expected = {"local": [200] * 5 + [429] * 15, "open": [200] * 20, "closed": [503] * 20}[mode]
    assert results == expected
    assert metric(gateway, "gateway_redis_timeouts_total") >= 1
    redis.resume()
    until(lambda: metric(gateway, "gateway_redis_connections") == 1, "the way back")
    assert statuses(gateway.port, 1) == [200]


class Load:
    """Clients that ask for as long as a test runs, and what they were answered."""

    def __init__(self, *gateways):
        self.results = []
        self.slowest = 0.0
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(gateway.port,))
            for gateway in gateways for _ in range(3)
        ]

    def _ask(self, port):
        with Client(port) as client:
            while not self._done.is_set():
                began = time.monotonic()
                self.results.append(client.get().status)
                self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()


def connections(gateway):
    return metric(gateway, "gateway_redis_connections")


@pytest.mark.parametrize("sync", ["exact", "lease"])
def test_a_redis_that_dies_under_load_and_returns(make_gateway, make_redis, origin, sync):
    redis = make_redis()
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=200ms on_failure=open sync={sync}",
        "rate_limit 1000000/s name=n")
    with Load(gateway) as load:
        for _ in range(3):
            redis.kill()
            until(lambda: connections(gateway) == 0, "the loss")
            asked = metric(gateway, "gateway_redis_fallbacks_total")
            until(lambda: metric(gateway, "gateway_redis_fallbacks_total") > asked, "requests")
            redis.start()
            until(lambda: connections(gateway) == 2, "the way back")
            answers = metric(gateway, "gateway_redis_answers_total")
            until(lambda: metric(gateway, "gateway_redis_answers_total") > answers, "answers")
    assert set(load.results) == {200}


@pytest.mark.parametrize("sync", ["exact", "lease"])
def test_a_redis_that_is_paused_under_load(make_gateway, make_redis, origin, sync):
    redis = make_redis()
    gateway = make_gateway(
        origin, f"redis {redis.url} timeout=150ms on_failure=open sync={sync}",
        "rate_limit 1000000/s name=n", workers=1)
    with Load(gateway) as load:
        for _ in range(3):
            redis.pause()
            until(lambda: connections(gateway) == 0, "the loss")
            redis.resume()
            until(lambda: connections(gateway) == 1, "the way back")
    assert set(load.results) == {200}
    assert metric(gateway, "gateway_redis_timeouts_total") >= 3
    # The deadline, and what a busy machine adds to it.
    assert load.slowest < 5


@pytest.mark.parametrize("sync", ["exact", "lease"])
def test_two_gateways_keep_the_limit_while_redis_is_replaced_under_load(
        make_gateway, make_redis, origin, sync):
    first, second = make_redis(), make_redis()
    # So that only one of them is a master at any time.
    second.command("REPLICAOF", "127.0.0.1", first.port)
    until(lambda: "master_link_status:up" in second.command("INFO", "replication"), "the replica")
    line = f"redis {first.url} {second.url} timeout=1s on_failure=closed sync={sync}"
    site = "rate_limit 4000/h name=n"
    pair = [make_gateway(origin, line, site, workers=1) for _ in range(2)]
    start = time.monotonic()
    with Load(*pair) as load:
        until(lambda: load.results.count(200) > 300, "requests")
        # As `FAILOVER` does it: no writes any more, all of them at the new master, then the change.
        first.command("CLIENT", "PAUSE", "60000", "WRITE")
        replicate(first, second)
        first.command("REPLICAOF", "127.0.0.1", free_port())
        before = load.results.count(200)
        second.command("REPLICAOF", "NO", "ONE")
        until(lambda: all(connections(one) == 1 for one in pair), "the new master")
        until(lambda: load.results.count(200) > before + 300, "requests at the new one")
        until(lambda: load.results[-1] == 429, "the limit", 60)
    # Each lease in hand, a twentieth, may come on top; nothing that one of them took is forgotten.
    slack = 0 if sync == "exact" else 4000 // 20 * 2
    refilled = (time.monotonic() - start) * 4000 / 3600 + 1
    assert 4000 - slack - 50 <= load.results.count(200) <= 4000 + slack + refilled
    assert set(load.results) <= {200, 429, 503}


def test_the_second_server_is_used_when_the_first_becomes_a_replica(
        make_gateway, make_redis, origin):
    first, second = make_redis(), make_redis()
    gateway = make_gateway(
        origin, f"redis {first.url} {second.url} timeout=2s on_failure=closed",
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
