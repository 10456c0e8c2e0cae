"""Whatever a client sends, what reaches the origin can be understood in one way only.

Every vector runs once, many at a time, each in a lane of its own: a listener of the gateway with an
origin behind it. After each vector an honest request goes through the same lane; its answer shows
that nothing of the vector was left behind on a kept connection.
"""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Queue

import pytest

from support.gateway import Gateway
from support.origin import Origin
from support.vectors import ALL
from support.waiting import free_port, until
from support.wire import Client, Malformed

LANES = 24
# For a request to come, which is waited for where a vector never ends: long enough that none is
# given up because this machine is busy.
TIMEOUT = "5s"
# For another one after it, where nothing more comes.
IDLE = "500ms"


def recording(connection):
    """Notes a request as soon as its head is there, and once more when it is whole."""
    while True:
        try:
            request = connection.read_request_head()
            request.complete = False
            connection.origin.requests.append(request)
            connection.read_body(request, ends_with_connection=False)
            request.complete = True
        except Malformed as problem:
            connection.origin.problems.append(f"{problem} in {connection.received!r}")
            return
        connection.respond(json.dumps(request.target).encode())


@dataclass
class Outcome:
    answer: bytes
    requests: list
    problems: list
    honest_answer: str


class Lane:
    def __init__(self):
        self.port = free_port()
        self.origin = Origin(recording, keep_record=True)

    def run(self, number, raw):
        self.origin.requests, self.origin.problems = [], []
        # Each from an address of its own, which the origin is told.
        source = f"127.0.{100 + number // 250}.{1 + number % 250}"
        with Client(self.port, source) as client:
            try:
                client.send(raw)
            except OSError:
                pass  # Answered and closed before all of it was sent.
            answer = client.read_to_end()
        with Client(self.port, source) as client:
            honest = client.get(f"/honest-{number}")
        until(lambda: any(r.target == f"/honest-{number}" for r in self.origin.requests),
              "the honest request at the origin")

        def is_of_another(request):
            """Whether it was left by the vector before, and the origin was late to read it."""
            address = request["X-Real-IP"] or ""
            return address != source and re.fullmatch(r"127\.0\.1\d\d\.\d+", address)

        requests = [r for r in self.origin.requests
                    if not r.target.startswith("/honest-") and not is_of_another(r)]
        return Outcome(answer, requests, self.origin.problems, honest.text)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    lanes = [Lane() for _ in range(LANES)]
    gateway = Gateway(tmp_path_factory.mktemp("smuggling"))
    sites = "\n".join(
        f"site * {{\n    listen 127.0.0.1:{lane.port}\n    buffer off\n"
        f"    proxy {lane.origin.address}\n}}" for lane in lanes)
    gateway.start(
        f"access_log off\ntimeout header={TIMEOUT} body={TIMEOUT} idle={IDLE}\n"
        f"limit header_count=1000 header_size=128k\n{sites}\n",
        wait_for=lanes[-1].port)
    free = Queue()
    for lane in lanes:
        free.put(lane)

    def run(number):
        lane = free.get()
        try:
            return lane.run(number, ALL[number][1])
        except Exception as error:  # It belongs to this vector's test, not to all.
            return error
        finally:
            free.put(lane)

    with ThreadPoolExecutor(LANES) as pool:
        results = list(pool.map(run, range(len(ALL))))
    yield results
    print(gateway.output)
    gateway.end()
    for lane in lanes:
        lane.origin.stop()


@pytest.mark.parametrize("number", range(len(ALL)), ids=[name for name, _, _ in ALL])
def test_vector(outcomes, number):
    outcome, (_, raw, want) = outcomes[number], ALL[number]
    if isinstance(outcome, Exception):
        raise outcome
    assert outcome.problems == [], "what reached the origin is ambiguous"
    assert outcome.honest_answer == json.dumps(f"/honest-{number}"), "an answer was mixed up"
    if want == "reject":
        assert outcome.requests == [], "it must not reach the origin"
        assert not outcome.answer.startswith(b"HTTP/1.1 2")
    elif want == "accept":
        assert outcome.requests, f"it must be forwarded; the answer was {outcome.answer[:200]!r}"
    elif want == "unfinished":
        assert not any(request.complete for request in outcome.requests)


def test_smuggling_vectors_split_at_every_byte_are_judged_alike(gateway, make_origin):
    raw = ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n").encode()
    origin = make_origin(recording, keep_record=True)
    gateway.start_before(origin.address, site="buffer off")
    for cut in range(1, len(raw)):
        with gateway.client() as client:
            client.send(raw[:cut])
            client.send(raw[cut:])
            assert client.read_response().status == 200
    assert origin.problems == []
    assert [request.body for request in origin.requests] == [b"abc"] * (len(raw) - 1)


def test_responses_go_to_the_client_that_asked(gateway, origin):
    """Many clients on few origin connections, half of them going away early."""
    gateway.start_before(origin.address, top="workers 2")
    wrong = []

    def ask(number):
        for turn in range(30):
            with Client(gateway.port) as client:
                target = f"/{number}-{turn}"
                if turn % 3 == 2:
                    client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
                elif json.loads(client.get(target).body)["target"] != target:
                    wrong.append(target)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
