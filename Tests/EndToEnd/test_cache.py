"""The cache as its users meet it: an app that knows nothing of it, PURGE, `gateway cache`."""

import concurrent.futures
import json
import resource
import socket
import threading
import time

import pytest

from support.gateway import run_command
from support.wire import get

TOKEN = "0123456789abcdef-token"


def slow_answer(seconds=0.0, **fields):
    """An origin's script that counts, and takes its time."""
    lock = threading.Lock()
    counts = {}

    def script(connection):
        while (request := connection.next_request()) is not None:
            with lock:
                counts[request.target] = counts.get(request.target, 0) + 1
                number = counts[request.target]
            time.sleep(seconds)
            connection.respond(f"{request.target} {number}".encode(), **fields)

    return script, counts


def test_flask_app_that_says_nothing_is_cached_by_the_route(gateway, sync):
    gateway.start_before(sync.address, upstream="profile gunicorn", site="cache ttl=60s")
    first = gateway.get("/echo?cached")
    second = gateway.get("/echo?cached")
    assert first.status == second.status == 200
    assert first.text == second.text
    assert "stored" in first["Cache-Status"]
    assert second["Cache-Status"].startswith("gateway; hit; ttl=")
    assert 'result="hit"} 1' in gateway.metrics()


def test_many_clients_for_one_cold_key_are_one_request(gateway, make_origin):
    script, counts = slow_answer(0.5, Cache_Control="max-age=3600")
    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 2", site="cache lock=60s")
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: get(gateway.port, "/hot").text, range(200)))
    assert set(answers) == {"/hot 1"}
    assert counts == {"/hot": 1}


def test_ten_thousand_clients_for_one_cold_key_are_one_request(gateway, make_origin):
    wanted = 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 1000:
        pytest.skip(f"only {hard} descriptors")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    script, counts = slow_answer(3, Cache_Control="max-age=3600")
    origin = make_origin(script)
    # However long all these clients take to come.
    gateway.start_before(
        origin.address, top="workers 2\nlimit connections=12000", site="cache lock=60s")
    request = b"GET /hot HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
    streams = []
    try:
        for number in range(wanted):
            # From several addresses, or the ports of one might run out.
            stream = socket.create_connection(
                ("127.0.0.1", gateway.port), 60, (f"127.0.0.{2 + number % 4}", 0))
            streams.append(stream)
            stream.sendall(request)
        for stream in streams:
            answer = b""
            while piece := stream.recv(65536):
                answer += piece
            assert answer.endswith(b"\r\n\r\n/hot 1")
    finally:
        for stream in streams:
            stream.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert counts == {"/hot": 1}


def test_purges_by_method_api_and_command(gateway, make_origin):
    script, counts = slow_answer(Cache_Control="max-age=60", Cache_Tag="all, some")
    origin = make_origin(script)
    gateway.start_before(
        origin.address,
        top=f"cache_purge from=127.0.0.0/8 token={TOKEN}",
        site="cache",
    )

    def numbers():
        return [gateway.get(path).text[-1] for path in ("/a/1", "/a/2", "/b")]

    assert numbers() == numbers() == ["1", "1", "1"]
    with gateway.client() as client:
        assert client.request("PURGE", "/a/1").status == 200
    assert numbers() == ["2", "1", "1"]
    refused = get(gateway.metrics_port, "/cache/top")
    assert refused.status == 401

    def command(*arguments):
        run = run_command("cache", *arguments, "--config", gateway.file, cwd=gateway.directory)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    url = "http://shop.example"
    assert command("purge", "--prefix", f"{url}/a/") == {"purged": 2}
    assert numbers() == ["3", "2", "1"]
    shown = command("show", f"{url}/b")
    assert shown[0]["url"] == f"{url}/b" and shown[0]["status"] == 200
    assert len(command("top")) == 3
    assert command("purge", "--tag", "some", "--soft") == {"purged": 3}
    assert numbers() == ["4", "3", "2"]
    assert command("purge", "--all") == {"purged": 3}
    assert numbers() == ["5", "4", "3"]


def test_stored_responses_outlive_a_reload(gateway, make_origin):
    script, counts = slow_answer(Cache_Control="max-age=60")
    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1", site="cache")
    assert gateway.get("/a").text == "/a 1"
    gateway.reload_and_wait(
        gateway.configuration(origin.address, top="workers 1", site="cache ttl=5s"))
    assert gateway.get("/a").text == "/a 1"
    assert counts["/a"] == 1
