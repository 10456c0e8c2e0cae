"""What is too large or too slow."""

import os

import pytest

from support.waiting import PATIENCE_SECONDS, until


def ask(gateway, raw):
    with gateway.client() as client:
        try:
            client.send(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It may answer and close before it has read all of it.
        response = client.read_response()
        assert client.is_ended(), "it cannot go on after a request it has not read"
        return response


def test_head_too_large_is_431(gateway, origin):
    gateway.start_before(origin.address, top="limit header_size=8k")
    raw = f"GET / HTTP/1.1\r\nHost: a\r\nX: {'y' * 20_000}\r\n\r\n"
    assert ask(gateway, raw).status == 431
    assert origin.requests == []


def test_too_many_fields_is_431(gateway, origin):
    gateway.start_before(origin.address, top="limit header_count=20")
    fields = "".join(f"X-{number}: 1\r\n" for number in range(50))
    assert ask(gateway, f"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").status == 431
    assert origin.requests == []


def test_target_too_long_is_414(gateway, origin):
    gateway.start_before(origin.address)
    assert ask(gateway, f"GET /{'x' * 31_000} HTTP/1.1\r\nHost: a\r\n\r\n").status == 414
    assert origin.requests == []


def test_an_endless_line_is_ended(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        # It would have to read 128 MB of a request line.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(2_000):
                client.send(b"G" * 65_536)


def test_declared_body_too_large_is_413(gateway, origin):
    gateway.start_before(origin.address, site="limit body=1k")
    assert ask(gateway, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n").status == 413
    assert origin.requests == []


@pytest.mark.parametrize("buffer", ["buffer on", "buffer off"])
def test_chunked_body_too_large_is_413_and_never_whole(gateway, origin, buffer):
    gateway.start_before(origin.address, site=f"limit body=1k\n    {buffer}")
    chunk = "400\r\n" + "x" * 1024 + "\r\n"
    response = ask(gateway, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   + chunk * 3 + "0\r\n\r\n")
    assert response.status == 413
    assert origin.requests == []


def test_a_body_of_exactly_the_limit_passes(gateway, origin):
    gateway.start_before(origin.address, site="limit body=1k")
    with gateway.client() as client:
        assert client.request("POST", "/", body=b"x" * 1024).status == 200


def test_slow_head_is_408(gateway, origin):
    gateway.start_before(origin.address, top="timeout header=1s")
    assert ask(gateway, "GET / HTTP/1.1\r\nHo").status == 408


def test_a_head_that_dribbles_is_408_all_the_same(gateway, origin):
    """The time is for the whole head: a byte now and then must not extend it."""
    gateway.start_before(origin.address, top="timeout header=1s")
    with gateway.client() as client:
        sent = iter("GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 10_000)
        client.connection.settimeout(0.05)

        def answered():
            try:
                client.send(next(sent))
                client.fill()
            except TimeoutError:
                return None
            except OSError:
                return True
            return client.buffer

        until(answered, "an answer to a slow head")
        client.connection.settimeout(PATIENCE_SECONDS)
        assert client.read_response().status == 408


@pytest.mark.parametrize("buffer", ["buffer on", "buffer off"])
def test_slow_body_is_408(gateway, origin, buffer):
    gateway.start_before(origin.address, site=f"timeout body=300ms\n    {buffer}")
    response = ask(gateway, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    assert response.status == 408
    assert origin.requests == []


def test_a_connection_without_a_request_is_closed_without_an_answer(gateway, origin):
    gateway.start_before(origin.address, top="timeout header=300ms idle=300ms")
    with gateway.client() as client:
        assert client.is_ended()


def test_an_idle_connection_is_closed_without_an_answer(gateway, origin):
    gateway.start_before(origin.address, top="timeout idle=300ms")
    with gateway.client() as client:
        assert client.get().status == 200
        assert client.is_ended()


def test_no_file_descriptor_is_left_behind(gateway, origin):
    gateway.start_before(origin.address, top="timeout header=300ms idle=300ms")

    def descriptors():
        return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))

    gateway.get()
    before = descriptors()
    for number in range(50):
        client = gateway.client()
        client.send("GET / HTTP/1.1\r\nHo" if number % 2 else "bad\r\n\r\n")
        client.close()
    until(lambda: descriptors() <= before + 1, "the descriptors to come back")
