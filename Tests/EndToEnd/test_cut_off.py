"""A response that its origin does not finish is never passed on as complete."""

import threading

import pytest

from support import backends
from support.waiting import until
from support.wire import Client, Incomplete, Malformed

APP = '''
import os, signal, time

def app(environ, start_response):
    fields = [("Content-Type", "text/plain")]
    if environ["PATH_INFO"] == "/length":
        fields.append(("Content-Length", "1000000"))
    start_response("200 OK", fields)
    def body():
        yield b"x" * 5000
        # The gateway has this much when the worker dies.
        while not os.path.exists(environ["HTTP_X_FLAG"]):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
        yield b"never"
    return body()
'''


@pytest.mark.parametrize("path", ["/length", "/chunked"])
def test_worker_killed_in_the_middle(gateway, make_backend, tmp_path, path):
    (tmp_path / "dying.py").write_text(APP)
    backend = make_backend(backends.gunicorn, module="dying:app", folder=tmp_path)
    gateway.start_before(backend.address, upstream="profile gunicorn")
    flag = tmp_path / "die"
    with gateway.client() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Flag: {flag}\r\n\r\n")
        while client.buffer.count(b"x") < 5000:
            client.fill()
        flag.touch()
        response = client.read_response()
    assert response.status == 200
    assert not response.complete


CUTS = {
    "counted": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500, "close"),
    "counted, reset": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500, "reset"),
    "chunked, between chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "close"),
    "chunked, inside a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n300\r\nabc", "close"),
    "chunked, before the last line": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "close"),
    "chunked, then not a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nabc\r\n", "close"),
    # Without a reset the end of such a body cannot be told from its loss (RFC 9112 §8).
    "until close, reset": (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500, "reset"),
}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("kind", CUTS)
def test_cut_off_responses(gateway, make_origin, kind, version):
    bytes_sent, ending = CUTS[kind]
    seen = threading.Event()

    def script(connection):
        connection.next_request()
        connection.send(bytes_sent)
        # Only then, or a reset would overtake the bytes before it.
        seen.wait(10)
        if ending == "reset":
            connection.reset()

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        client.send(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n")
        try:
            while b"\r\n\r\n" not in client.buffer:
                client.fill()
        except (Incomplete, ConnectionResetError):
            return  # Not even a head: nobody takes that for an answer.
        finally:
            seen.set()
        response = client.read_response()
        if response.status == 200:
            # An HTTP/1.0 client knows by a reset; or by a length that was not reached.
            assert not response.complete
        else:
            assert response.status == 502


def test_bytes_after_the_end_are_dropped_and_the_connection_is_not_used_again(gateway, make_origin):
    def script(connection):
        request = connection.next_request()
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(request.target)}\r\n\r\n"
                        f"{request.target}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        connection.next_request()

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1")
    with Client(gateway.port) as client:
        for target in ("/one", "/two", "/three"):
            assert client.get(target).text == target
    assert len(origin.connections) == 3


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_request_that_its_client_does_not_finish_never_looks_complete(
        gateway, make_origin, framing):
    begun, outcomes = threading.Event(), []

    def script(connection):
        request = connection.read_request_head()
        begun.set()
        try:
            connection.read_body(request, ends_with_connection=False)
            outcomes.append("whole")
        except (Incomplete, Malformed, OSError) as error:
            outcomes.append(type(error).__name__)

    origin = make_origin(script)
    gateway.start_before(origin.address, site="buffer off")
    with gateway.client() as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n3\r\nabc\r\n")
        # Not before: without its head the origin would never hear of it.
        until(begun.is_set, "the request at the origin")
    until(lambda: outcomes, "the end of the request at the origin")
    assert outcomes[0] != "whole", "the origin took a part for the whole"
