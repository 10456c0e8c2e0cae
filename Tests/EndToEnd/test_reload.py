"""SIGHUP: a new configuration for new requests, and nothing lost."""

import threading

import pytest
import requests
from websockets.sync.client import connect

from support.waiting import accepts, free_port, until


class Load:
    """Clients with kept connections that ask as fast as they can until the block ends."""

    def __init__(self, url, clients=4):
        self.url = url
        self.failures = []
        self.counts = [0] * clients
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]

    @property
    def count(self):
        return sum(self.counts)

    def wait_for_each(self):
        """Waits until each client has been answered what it asked after this was called."""
        # The answer that comes next may be to what was asked before.
        goals = [count + 2 for count in self.counts]
        until(lambda: all(count >= goal for count, goal in zip(self.counts, goals)),
              "each client to be answered")

    def _ask(self, number):
        with requests.Session() as session:
            while not self._ended.is_set():
                try:
                    status = session.post(self.url, data=b"x" * 100, timeout=20).status_code
                    if status != 200:
                        self.failures.append(status)
                except requests.RequestException as error:
                    self.failures.append(error)
                self.counts[number] += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=60)


def generation(gateway):
    return gateway.get()["X-Generation"]


def test_reload_under_load_fails_no_request(gateway, origin):
    def text(number):
        return gateway.configuration(
            origin.address, site=f"header response set X-Generation {number}")

    gateway.start(text(0))
    with Load(gateway.url) as load:
        for number in range(1, 11):
            gateway.reload(text(number))
            until(lambda: generation(gateway) == str(number), f"generation {number}")
            before = load.count
            until(lambda: load.count > before + 20, "load between two reloads")
    assert load.failures == []


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_move_to_the_new_upstream(gateway, make_origin, workers):
    old, new = make_origin(), make_origin()
    gateway.start_before(old.address, top=f"workers {workers}")
    with Load(gateway.url, clients=8) as load:
        until(lambda: len(old.requests) > 20, "load on the old origin")
        gateway.reload_and_wait(gateway.configuration(new.address, top=f"workers {workers}"))
        load.wait_for_each()
        settled, before = len(old.requests), len(new.requests)
        assert before > 0
        until(lambda: len(new.requests) > before + 20, "more load on the new origin")
        assert len(old.requests) == settled
    assert load.failures == []


def test_once_it_says_reloaded_every_loop_serves_by_the_new_file(gateway):
    def text(number):
        return (f"access_log off\nworkers 2\nsite * {{\n    listen 127.0.0.1:{gateway.port}\n"
                f"    respond 200 \"{number}\"\n}}\n")

    gateway.start(text(0))
    for number in range(1, 21):
        gateway.reload_and_wait(text(number))
        # Each on a connection of its own: the kernel spreads them over the loops.
        assert {gateway.get().text.strip() for _ in range(16)} == {str(number)}


def test_an_open_websocket_stays(gateway, uvicorn, origin):
    gateway.start_before(uvicorn.address, upstream="profile uvicorn")
    with connect(f"ws://127.0.0.1:{gateway.port}/ws", proxy=None) as socket:
        socket.send("before")
        assert socket.recv(timeout=10) == "before"
        gateway.reload(gateway.configuration(
            origin.address, site="header response set X-Generation 2"))
        until(lambda: generation(gateway) == "2", "the new configuration")
        socket.send("after")
        assert socket.recv(timeout=10) == "after"


def test_a_request_in_flight_ends_as_it_began(gateway, make_origin, origin):
    release = threading.Event()

    def script(connection):
        connection.next_request()
        release.wait(15)
        connection.respond(b"the old one")

    old = make_origin(script)
    gateway.start_before(old.address)
    with gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        old.wait_for_requests(1)
        gateway.reload(gateway.configuration(origin.address))
        # Whoever asks the old origin meanwhile waits as well, so these do not wait for answers.
        askers = []

        def new_origin_is_asked():
            asker = gateway.client()
            asker.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            askers.append(asker)
            return origin.requests

        until(new_origin_is_asked, "the new configuration")
        release.set()
        assert client.read_response().body == b"the old one"
        for asker in askers:
            asker.close()


def test_a_faulty_file_leaves_everything_as_it_was(gateway, origin):
    gateway.start_before(origin.address, site="header response set X-Generation 1")
    gateway.reload("site * {\n    listen :1\n    proxxy nowhere\n}\n")
    until(lambda: "proxxy" in gateway.output, "the reason in the log")
    assert generation(gateway) == "1"
    assert gateway.get().status == 200
    gateway.reload(gateway.configuration(
        origin.address, site="header response set X-Generation 2"))
    until(lambda: generation(gateway) == "2", "the good file")


def test_an_address_that_is_taken_leaves_everything_as_it_was(gateway, origin):
    gateway.start_before(origin.address, site="header response set X-Generation 1")
    gateway.reload(gateway.configuration(
        origin.address,
        site=f"listen {origin.address}\n    header response set X-Generation 2"))
    until(lambda: str(origin.port) in gateway.output, "the reason in the log")
    assert generation(gateway) == "1"


def test_listeners_are_added_and_removed(gateway, origin):
    gateway.start_before(origin.address)
    added = free_port()
    gateway.reload(gateway.configuration(origin.address, site=f"listen 127.0.0.1:{added}"))
    until(lambda: accepts(added), "the new listener")
    assert gateway.get().status == 200
    gateway.reload(gateway.configuration(origin.address))
    until(lambda: not accepts(added), "the listener to go")
    assert gateway.get().status == 200


def test_a_new_name_is_known_before_the_first_request(gateway, origin):
    """At start and at a reload: nobody is told that there is no server while it is looked up."""
    def text(host):
        return (f"log level=debug\naccess_log off\nmetrics 127.0.0.1:{gateway.metrics_port}\n"
                f"site * {{\n    listen 127.0.0.1:{gateway.port}\n"
                f"    proxy {host}:{origin.port}\n}}\n")

    gateway.start(text("localhost"))
    assert gateway.get().status == 200
    for _ in range(10):
        # What no server is named by is forgotten.
        gateway.reload_and_wait(text("127.0.0.1"))
        gateway.reload_and_wait(text("localhost"))
        assert gateway.get().status == 200
    steps = [word for line in gateway.output.splitlines()
             for word in ("resolved name=localhost", "listening", "reloaded") if word in line]
    assert steps == ["resolved name=localhost", "listening"] + 10 * [
        "reloaded", "resolved name=localhost", "reloaded"]
