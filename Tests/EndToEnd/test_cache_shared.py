"""Several gateways, one Redis: what one has stored answers for all, and what one removes is gone
everywhere, whatever happens to Redis."""

import gzip
import json
import re
import signal
import socket
import threading
import time

import pytest

from support.gateway import Gateway, run_command
from support.redis import Cluster, Redis, is_installed
from support.waiting import free_port, until
from support.wire import Client, get
from test_rate_limits import metric

pytestmark = pytest.mark.skipif(not is_installed(), reason="no redis-server")

TOKEN = "0123456789abcdef-token"


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
def redis(make_redis):
    return make_redis()


@pytest.fixture
def make_gateway(tmp_path):
    started = []

    def make(origin, url, sharing="timeout=2s", site="cache", workers=2, top="", ready=True):
        directory = tmp_path / f"gateway{len(started)}"
        directory.mkdir()
        gateway = Gateway(directory)
        started.append(gateway)
        gateway.start_before(
            origin.address, site=site,
            top=f"workers {workers}\nredis {url}\ncache_shared redis {sharing}\n"
                f"cache_purge from=127.0.0.0/8 token={TOKEN}\n{top}")
        if ready:
            until(lambda: is_ready(gateway, workers), "Redis")
        return gateway

    yield make
    for gateway in started:
        try:
            gateway.end()
        finally:
            print(gateway.output)


def is_ready(gateway, workers=2):
    return (metric(gateway, "gateway_cache_shared_connections") == workers
            and metric(gateway, "gateway_cache_shared_listening") == 1)


def shared(gateway, name):
    kind = "" if name.endswith(("waiting", "listening", "connections")) else "_total"
    return metric(gateway, f"gateway_cache_shared_{name}{kind}")


class Relay:
    """A way to Redis that a test can cut, for one gateway alone."""

    def __init__(self, target):
        self.target = target
        self.sockets = []
        self.lock = threading.Lock()
        self.port = free_port()
        self.listener = None
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with self.lock:
                if listener is not self.listener:
                    # It came as the way was cut.
                    near.close()
                    far.close()
                    return
                self.sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one, other):
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            listener, self.listener = self.listener, None
            sockets, self.sockets = self.sockets, []
        if listener is None:
            return
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def relay(redis):
    relay = Relay(redis.port)
    yield relay
    relay.cut()


class App:
    """An origin that counts what it was asked, and says what a test wants it to say."""

    def __init__(self, make_origin, **fields):
        self.fields = {"Cache_Control": "max-age=60", **fields}
        self.counts = {}
        self.body = None
        self.wait = None
        self.lock = threading.Lock()
        self.address = make_origin(self.script).address

    def script(self, connection):
        while (request := connection.next_request()) is not None:
            with self.lock:
                self.counts[request.target] = self.counts.get(request.target, 0) + 1
                number = self.counts[request.target]
            if self.wait:
                self.wait.wait(20)
            body = self.body or f"{request.target} {number}".encode()
            connection.respond(body, **self.fields)


def ask(gateway, target="/a", **fields):
    return get(gateway.port, target, **fields)


def send(gateway, method, target="/a", body=None, **fields):
    with gateway.client() as client:
        return client.request(method, target, body, **fields)


def stored(gateway, count=1):
    """Waits until the gateway has sent so many responses to Redis."""
    until(lambda: shared(gateway, "writes") >= count, "the response in Redis")


def test_what_one_gateway_stored_answers_at_another(make_gateway, make_origin, redis):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    one = ask(first)
    assert "stored" in one["Cache-Status"] and "detail=shared-miss" in one["Cache-Status"]
    stored(first)
    two = ask(second)
    assert two.text == one.text and app.counts == {"/a": 1}
    assert two["Cache-Status"].startswith("gateway; hit; ttl=")
    assert two["Cache-Status"].endswith("; detail=shared")
    # Memory stands in front: the next one asks nobody.
    asked = shared(second, "hits")
    assert "detail" not in ask(second)["Cache-Status"]
    assert shared(second, "hits") == asked == 1
    assert shared(first, "misses") == 1
    assert metric(second, "gateway_cache_shared_duration_seconds_count") == 1


def test_a_gateway_that_starts_anew_finds_what_was_stored(make_gateway, make_origin, redis):
    app = App(make_origin)
    first = make_gateway(app, redis.url)
    body = ask(first).text
    stored(first)
    first.signal(signal.SIGKILL)
    first.wait_for_exit()
    second = make_gateway(app, redis.url)
    assert ask(second).text == body and app.counts == {"/a": 1}


def test_variants_are_found_by_what_requests_say(make_gateway, make_origin, redis):
    app = App(make_origin, Vary="Accept-Language")
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    for number, language in enumerate(["de", "fr"], 1):
        ask(first, Accept_Language=language)
        stored(first, number)
    german = ask(second, Accept_Language="de")
    assert german["Cache-Status"].endswith("detail=shared")
    assert ask(second, Accept_Language="fr")["Cache-Status"].endswith("detail=shared")
    assert app.counts == {"/a": 2}
    assert "vary-miss" in ask(second, Accept_Language="it")["Cache-Status"]
    assert app.counts == {"/a": 3}


def test_age_and_lifetime_go_on_at_the_other_gateway(make_gateway, make_origin, redis):
    app = App(make_origin, Cache_Control="max-age=60, stale-while-revalidate=60", Age="1")
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    began = time.time()
    ask(first)
    stored(first)
    # 119 seconds of use are left, and Redis keeps it no longer than that.
    key = object_key(redis)
    assert 0 < int(redis.words("PTTL", key)[0]) <= 119_000
    until(lambda: time.time() - began >= 1.2, "a second to pass")
    answer = ask(second)
    age = int(answer["Age"])
    assert 2 <= age <= 1 + time.time() - began + 1
    assert answer["Cache-Status"].endswith("detail=shared")
    # Both are rounded down.
    assert int(answer["Cache-Status"].split("ttl=")[1].split(";")[0]) in (60 - age, 59 - age)


def test_what_is_stale_in_memory_is_looked_for_first(make_gateway, make_origin, redis):
    # Fresh until the other gateway has asked, and stale while this test has patience.
    app = App(make_origin, Cache_Control="max-age=5")
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    assert ask(second).text == "/a 1"
    until(lambda: "fwd=stale" in ask(first)["Cache-Status"], "it to be stale")
    stored(first, 2)
    count = app.counts["/a"]
    # The other one's copy is stale too, but need not be fetched.
    answer = ask(second)
    if "fwd" not in answer["Cache-Status"]:
        assert answer.text == f"/a {count}" and app.counts["/a"] == count


@pytest.mark.parametrize("size, isShared", [(40_000, True), (300_000, True), (600_000, False)])
def test_bodies_of_all_sizes_up_to_the_limit(make_gateway, make_origin, redis, size, isShared):
    app = App(make_origin)
    app.body = bytes(range(256)) * (size // 256)
    sharing = "timeout=2s object_size=512k write_buffer=64k"
    first, second = make_gateway(app, redis.url, sharing), make_gateway(app, redis.url, sharing)
    assert ask(first).body == app.body
    if isShared:
        stored(first)
    else:
        until(lambda: shared(first, "too_large") == 1, "the refusal")
    assert ask(second).body == app.body
    assert app.counts == {"/a": 1 if isShared else 2}


# Purges


KINDS = [
    ("url", "url=http://shop.example/a"), ("prefix", "prefix=http://shop.example/"),
    ("host", "host=shop.example"), ("tag", "tag=red"), ("all", "all=1"),
]


def purge(gateway, query):
    with Client(gateway.metrics_port) as client:
        return client.request(
            "POST", f"/cache/purge?{query}", b"", Authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize("kind, query", KINDS)
def test_a_purge_reaches_all_gateways_and_redis(
        make_gateway, make_origin, redis, kind, query):
    app = App(make_origin, Cache_Tag="red, green")
    trio = [make_gateway(app, redis.url) for _ in range(3)]
    ask(trio[0])
    stored(trio[0])
    assert [ask(one).text for one in trio] == ["/a 1"] * 3
    assert json.loads(purge(trio[1], query).text)["purged"] == 1
    for one in (trio[0], trio[2]):
        until(lambda: shared(one, "purges_received") == 1, "the purge")
        until(lambda: metric(one, "gateway_cache_objects") == 0, "its effect")
    # Nobody finds it in Redis either, though it still stands there.
    assert ask(trio[2]).text == "/a 2"
    stored(trio[2])
    assert ask(trio[0]).text == ask(trio[1]).text == "/a 2"
    until(lambda: shared(trio[1], "purges_sent") == 1, "the telling to be counted")


def test_a_soft_purge_makes_stale_everywhere(make_gateway, make_origin, redis):
    app = App(make_origin, Cache_Tag="red", Cache_Control="max-age=60, stale-while-revalidate=60")
    first, second, third = (make_gateway(app, redis.url) for _ in range(3))
    ask(first)
    stored(first)
    assert ask(second).text == "/a 1"
    purge(first, "tag=red&soft=1")
    until(lambda: shared(second, "purges_received") == 1, "the purge")
    until(lambda: shared(third, "purges_received") == 1, "the purge")
    # Stale, and so fetched anew behind what is served; the third reads it out of Redis.
    answer = ask(third)
    assert answer.text == "/a 1" and "ttl=-" in answer["Cache-Status"]
    until(lambda: app.counts["/a"] == 2, "the refresh")


@pytest.mark.parametrize("way", ["method", "command"])
def test_purge_by_method_and_command(make_gateway, make_origin, redis, way):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    assert ask(second).text == "/a 1"
    if way == "method":
        assert send(first, "PURGE").status == 200
    else:
        done = run_command(
            "cache", "purge", "--all", "--config", first.file, cwd=first.directory)
        assert done.returncode == 0, done.stderr
    until(lambda: shared(second, "purges_received") == 1, "the purge")
    until(lambda: ask(second).text == "/a 2", "its effect")


def test_an_unsafe_request_removes_it_everywhere(make_gateway, make_origin, redis):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    assert ask(second).text == "/a 1"
    assert send(first, "POST", body=b"x").status == 200
    # At the gateway that saw the request it is gone at once, from Redis too.
    assert ask(first).text == "/a 3"
    until(lambda: shared(second, "purges_received") == 1, "the news")
    assert ask(second).text != "/a 1"


def test_a_fetch_that_was_under_way_does_not_bring_back_what_was_invalidated(
        make_gateway, make_origin, redis):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    app.wait = threading.Event()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(second).text))
    slow.start()
    until(lambda: app.counts.get("/a") == 1, "the fetch")
    # While it is under way, the other gateway removes the key.
    send(first, "PURGE")
    until(lambda: shared(second, "purges_received") == 1, "the purge")
    app.wait.set()
    slow.join()
    app.wait = None
    assert answers == ["/a 1"]
    assert ask(first).text == "/a 2"


def test_what_was_asked_for_before_an_invalidation_is_refused_by_redis(
        make_gateway, make_origin, redis):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    key = object_key(redis)
    # As another gateway leaves it, of whose message this one has not heard yet: half a minute
    # ahead, so that whatever is fetched now was asked for before.
    seconds = int(redis.words("TIME")[0])
    redis.words("DEL", key)
    redis.words("HSET", key, "x", str((seconds + 30) * 1000))
    assert ask(second).text == "/a 2"
    stored(second)
    assert redis.words("HKEYS", key) == ["x"]
    # Asked for later, it is stored.
    redis.words("HSET", key, "x", str((seconds - 30) * 1000))
    third = make_gateway(app, redis.url)
    assert ask(third).text == "/a 3"
    stored(third)
    assert set(redis.words("HKEYS", key)) == {"x", "-"}


def test_a_gateway_that_was_away_catches_up(make_gateway, make_origin, redis, relay):
    app = App(make_origin, Cache_Tag="red")
    first = make_gateway(app, redis.url)
    second = make_gateway(app, f"redis://127.0.0.1:{relay.port}")
    ask(first, "/a")
    ask(first, "/b")
    stored(first, 2)
    assert ask(second, "/a").text == "/a 1" and ask(second, "/b").text == "/b 1"
    relay.cut()
    until(lambda: shared(second, "listening") == 0, "the loss")
    purge(first, "tag=red")
    send(first, "PURGE", "/b")
    until(lambda: shared(first, "purges_waiting") == 0, "the telling")
    relay.mend()
    until(lambda: is_ready(second), "the way back")
    until(lambda: shared(second, "purges_received") == 2, "what was missed")
    until(lambda: metric(second, "gateway_cache_objects") == 0, "its effect")
    assert ask(second, "/a").text == "/a 2" and ask(second, "/b").text == "/b 2"
    assert shared(second, "losses") == 0


def test_a_gateway_that_starts_without_redis_hears_what_was_purged_since(
        make_gateway, make_origin, redis, relay):
    app = App(make_origin, Cache_Tag="red")
    relay.cut()
    late = make_gateway(app, f"redis://127.0.0.1:{relay.port}", ready=False)
    first = make_gateway(app, redis.url)
    assert ask(late, "/a").text == "/a 1" and ask(late, "/b").text == "/b 1"
    purge(first, "tag=blue")
    purge(first, "url=http://shop.example/a")
    send(first, "PURGE", "/b")
    until(lambda: shared(first, "purges_waiting") == 0, "the telling")
    relay.mend()
    until(lambda: metric(late, "gateway_cache_objects") == 0, "the purges")
    assert ask(late, "/a").text == "/a 2" and ask(late, "/b").text == "/b 2"
    assert shared(late, "losses") == 0 and shared(late, "purges_received") == 3


def test_a_purge_while_redis_is_away_is_told_later(make_gateway, make_origin, redis, relay):
    app = App(make_origin)
    first = make_gateway(app, f"redis://127.0.0.1:{relay.port}")
    second = make_gateway(app, redis.url)
    ask(second)
    stored(second)
    relay.cut()
    until(lambda: shared(first, "listening") == 0, "the loss")
    assert purge(first, "all=1").status == 200
    assert shared(first, "purges_waiting") == 1
    relay.mend()
    until(lambda: shared(second, "purges_received") == 1, "the purge")
    until(lambda: metric(second, "gateway_cache_objects") == 0, "its effect")
    assert ask(second).text == "/a 2"


def compressions(gateway):
    return metric(gateway, 'gateway_compression_responses_total{coding="gzip"}')


@pytest.mark.parametrize("size", [100, 9000])
def test_what_one_gateway_has_compressed_no_other_compresses(
        make_gateway, make_origin, redis, size):
    content = b'{"some": "thing"}, ' * size

    def script(connection):
        while connection.next_request() is not None:
            connection.respond(
                content, Cache_Control="max-age=600", Content_Type="application/json")

    app = make_origin(script)
    site = "compress gzip min=1k\ncache"
    first, second, third = (make_gateway(app, redis.url, site=site) for _ in range(3))
    assert get(first.port, "/a").body == content
    until(lambda: shared(first, "writes") == 1, "the response")
    answer = get(first.port, "/a", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body) == content
    # Once more: with what has been made of it.
    until(lambda: shared(first, "writes") == 2, "its form")
    assert compressions(first) == 1
    for other in (second, third):
        answer = get(other.port, "/a", Accept_Encoding="gzip")
        assert answer["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.body) == content
        assert "coded-gzip" in answer["Cache-Status"]
        assert get(other.port, "/a").body == content
        assert compressions(other) == 0 and shared(other, "hits") == 1


def test_a_form_that_comes_late_brings_nothing_back(make_gateway, make_origin, redis):
    """What is in Redis by then is another response, or none."""
    bodies = [bytes([65 + number]) * 5000 for number in range(3)]
    asked = []

    def script(connection):
        while connection.next_request() is not None:
            asked.append(1)
            connection.respond(
                bodies[len(asked) - 1], Cache_Control="max-age=600", Content_Type="text/plain")

    app = make_origin(script)
    site = "compress gzip min=1k\ncache"
    first = make_gateway(app, redis.url, site=site)
    assert get(first.port, "/a").body == bodies[0]
    until(lambda: shared(first, "writes") == 1, "the response")
    [key] = [name for name in redis.words("KEYS", "*") if re.search("[0-9a-f]{32}$", name)]
    assert redis.words("DEL", key) == ["1"]
    # It is in memory still, where it gets its form; Redis does not take that.
    assert get(first.port, "/a", Accept_Encoding="gzip")["Content-Encoding"] == "gzip"
    until(lambda: shared(first, "writes") == 2, "the answer")
    assert redis.words("EXISTS", key) == ["0"]


def test_parts_are_shared(make_gateway, make_origin, redis):
    whole = bytes(range(256)) * 100
    asked = []

    def script(connection):
        while (request := connection.next_request()) is not None:
            asked.append(request["Range"])
            first, last = (int(n) for n in request["Range"].removeprefix("bytes=").split("-"))
            connection.respond(
                whole[first:last + 1], status="206 Partial Content", ETag='"v"',
                Cache_Control="max-age=600",
                Content_Range=f"bytes {first}-{last}/{len(whole)}")

    app = make_origin(script)
    first = make_gateway(app, redis.url)
    second = make_gateway(app, redis.url)

    def part(gateway, start, end):
        answer = get(gateway.port, "/film", Range=f"bytes={start}-{end}")
        assert answer.status == 206 and answer.body == whole[start:end + 1]

    part(first, 0, 9999)
    until(lambda: shared(first, "writes") == 1, "the part")
    part(second, 1000, 8000)
    assert shared(second, "hits") == 1
    # Not the part that there is: but what comes is put together with it.
    part(second, 10_000, 19_999)
    until(lambda: shared(second, "writes") == 1, "both")
    third = make_gateway(app, redis.url)
    part(third, 5000, 15_000)
    assert asked == ["bytes=0-9999", "bytes=10000-19999"]


def test_a_purge_that_waits_is_told_before_the_end(make_gateway, make_origin, redis, relay):
    app = App(make_origin)
    first = make_gateway(app, f"redis://127.0.0.1:{relay.port}")
    second = make_gateway(app, redis.url)
    ask(second)
    stored(second)
    relay.cut()
    until(lambda: shared(first, "listening") == 0, "the loss")
    assert purge(first, "all=1").status == 200
    assert shared(first, "purges_waiting") == 1
    first.process.send_signal(signal.SIGTERM)
    relay.mend()
    assert first.process.wait(timeout=15) == 0
    first.process = None
    assert "have not been told" not in first.output
    until(lambda: shared(second, "purges_received") == 1, "the purge")
    until(lambda: metric(second, "gateway_cache_objects") == 0, "its effect")


def test_an_end_without_redis_says_which_purges_are_lost(
        make_gateway, make_origin, redis, relay):
    app = App(make_origin)
    gateway = make_gateway(app, f"redis://127.0.0.1:{relay.port}")
    relay.cut()
    until(lambda: shared(gateway, "listening") == 0, "the loss")
    assert purge(gateway, "all=1").status == 200
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(timeout=20) == 0
    gateway.process = None
    assert "have not been told" in gateway.output
    relay.mend()


def test_a_log_that_was_lost_empties_the_memory(make_gateway, make_origin, redis):
    app = App(make_origin)
    gateway = make_gateway(app, redis.url)
    ask(gateway)
    stored(gateway)
    redis.kill()
    until(lambda: shared(gateway, "listening") == 0, "the loss")
    # Nothing is lost as long as nobody knows better.
    assert ask(gateway).text == "/a 1"
    redis.start()
    until(lambda: shared(gateway, "losses") == 1, "the loss of the log")
    until(lambda: ask(gateway).text == "/a 2", "its effect")
    assert "may have been missed" in gateway.output


# Failure


def test_a_paused_redis_costs_the_deadline_and_then_nothing(make_gateway, make_origin, redis):
    app = App(make_origin)
    # Long beside what a request takes on a busy machine.
    gateway = make_gateway(app, redis.url, "timeout=500ms", workers=1)
    redis.pause()
    times = []
    with gateway.client() as client:
        for number in range(30):
            began = time.monotonic()
            answer = client.get(f"/{number}")
            times.append(time.monotonic() - began)
            assert answer.status == 200 and answer.text == f"/{number} 1"
    # Three wait for the deadline, and then one for each trial at most.
    assert max(times) < 3
    assert 3 <= sum(each >= 0.45 for each in times) <= 5
    assert shared(gateway, "failures") >= 3 and shared(gateway, "skipped") >= 10
    assert "detail=shared-skipped" in ask(gateway, "/skipped")["Cache-Status"]
    redis.resume()
    until(lambda: is_ready(gateway, 1), "the way back")
    until(lambda: "shared-miss" in ask(gateway, f"/{time.monotonic()}")["Cache-Status"],
          "questions to be asked again")


def test_redis_that_dies_and_returns_under_load_is_never_an_error(
        make_gateway, make_origin, redis):
    app = App(make_origin, Cache_Control="max-age=1")
    pair = [make_gateway(app, redis.url, "timeout=50ms") for _ in range(2)]
    results, done = [], threading.Event()

    def load(gateway):
        with gateway.client() as client:
            while not done.is_set():
                for number in range(20):
                    answer = client.get(f"/{number}")
                    results.append((answer.status, answer.text.split(" ")[0] == f"/{number}"))

    threads = [threading.Thread(target=load, args=(one,)) for one in pair for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            redis.kill()
            until(lambda: all(shared(one, "connections") == 0 for one in pair), "the loss")
            redis.start()
            until(lambda: all(is_ready(one) for one in pair), "the way back", 30)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(results) == {(200, True)}


@pytest.mark.parametrize("value", ["nonsense", "1;1;x;GWC", "-1;0;;", "9" * 30 + ";0;;", "flip"])
def test_what_is_damaged_in_redis_is_a_miss(make_gateway, make_origin, redis, value):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    key = object_key(redis)
    if value == "flip":
        count = int(redis.words("HSTRLEN", key, "-")[0])
        redis.words("EVAL", "local v = redis.call('HGET', KEYS[1], '-')"
                    "local b = string.char((string.byte(v, -1) + 1) % 256)"
                    "return redis.call('HSET', KEYS[1], '-', string.sub(v, 1, -2) .. b)", "1", key)
        assert int(redis.words("HSTRLEN", key, "-")[0]) == count
    else:
        redis.words("HSET", key, "-", value)
    answer = ask(second)
    assert answer.text == "/a 2" and "detail=shared-miss" in answer["Cache-Status"]
    assert shared(second, "damaged") == 1


def test_a_key_of_another_type_is_a_failure_and_no_error(make_gateway, make_origin, redis):
    app = App(make_origin)
    first, second = make_gateway(app, redis.url), make_gateway(app, redis.url)
    ask(first)
    stored(first)
    key = object_key(redis)
    redis.words("DEL", key)
    redis.words("SET", key, "of another type")
    answer = ask(second)
    assert answer.status == 200 and "detail=shared-failed" in answer["Cache-Status"]
    until(lambda: shared(second, "writes_failed") == 1, "the write in vain")


def object_key(redis):
    return next(key for key in redis.words("KEYS", "*") if len(key.rsplit(":", 1)[1]) == 32)


def test_the_log_is_not_believed_where_it_makes_no_sense(make_gateway, make_origin, redis):
    app = App(make_origin)
    gateway = make_gateway(app, redis.url)
    ask(gateway)
    # A kind that this version does not know means everything.
    redis.words("XADD", "{gateway}:cache:log", "*", "k", "z", "v", "x", "b", "other")
    until(lambda: shared(gateway, "purges_received") == 1, "the purge")
    until(lambda: metric(gateway, "gateway_cache_objects") == 0, "its effect")


def test_fleets_with_different_prefixes_share_nothing(make_gateway, make_origin, redis):
    app = App(make_origin)
    first = make_gateway(app, redis.url, "timeout=2s prefix=\"{one}:\"")
    second = make_gateway(app, redis.url, "timeout=2s prefix=\"{two}:\"")
    ask(first)
    stored(first)
    assert ask(second).text == "/a 2"
    purge(first, "all=1")
    until(lambda: shared(first, "purges_sent") == 1, "the telling")
    assert "hit" in ask(second)["Cache-Status"] and shared(second, "purges_received") == 0


def test_a_cluster_keeps_it_all_in_one_slot(make_gateway, make_origin, tmp_path):
    cluster = Cluster(tmp_path)
    try:
        app = App(make_origin, Cache_Tag="red")
        first = make_gateway(app, cluster.nodes[0].url)
        second = make_gateway(app, cluster.nodes[1].url)
        ask(first)
        stored(first)
        assert ask(second).text == "/a 1"
        purge(second, "tag=red")
        until(lambda: shared(first, "purges_received") == 1, "the purge")
        until(lambda: ask(first).text == "/a 2", "its effect")
        assert shared(first, "failures") == 0
    finally:
        cluster.kill()


def test_explain_says_where_is_looked(make_gateway, make_origin, redis):
    app = App(make_origin)
    gateway = make_gateway(app, redis.url, "timeout=30ms object_size=256k")
    done = run_command("explain", "GET", "http://shop.example/a", "--from", "127.0.0.1",
                       "--config", gateway.file,
                       cwd=gateway.directory)
    assert "looked for in Redis for 30ms" in done.stdout
