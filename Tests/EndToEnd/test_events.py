"""Server-sent events arrive one by one, as they are sent."""

import threading
from itertools import islice

import httpx


def test_no_event_waits_for_the_next(gateway, make_origin):
    """The origin sends an event only after the client has had the one before."""
    received = threading.Semaphore(0)

    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.send(f"9\r\ndata: {number}\n\n\r\n".encode())
            if not received.acquire(timeout=10):
                return
        connection.send(b"0\r\n\r\n")

    gateway.start_before(make_origin(script).address)
    events = []
    with httpx.stream("GET", gateway.url, timeout=15) as response:
        for line in response.iter_lines():
            if line:
                events.append(line)
                received.release()
    assert events == [f"data: {number}" for number in range(5)]


def test_the_head_does_not_wait_for_the_first_event(gateway, make_origin):
    head_seen = threading.Event()

    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        if head_seen.wait(10):
            connection.send(b"data: 1\n\n")

    gateway.start_before(make_origin(script).address)
    with httpx.stream("GET", gateway.url, timeout=15) as response:
        head_seen.set()
        assert response.read() == b"data: 1\n\n"


def first_events(url, count):
    """The first of many: who waited for the end of the stream would not get them in time."""
    with httpx.stream("GET", url, timeout=15) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return list(islice((l for l in response.iter_lines() if l.startswith("data:")), count))


def test_flask_events_come_before_the_stream_ends(gateway, gthread):
    gateway.start_before(gthread.address, upstream="profile gunicorn")
    # A minute and a half of them.
    assert len(first_events(f"{gateway.url}/events?count=900&interval=0.1", 5)) == 5


def test_uvicorn_events_come_before_the_stream_ends(gateway, uvicorn):
    gateway.start_before(uvicorn.address, upstream="profile uvicorn")
    assert first_events(f"{gateway.url}/events", 5) == [f"data: {number}" for number in range(5)]


def test_the_origin_hears_that_the_client_has_gone(gateway, make_origin):
    ended = threading.Event()

    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if connection.is_ended():
            ended.set()

    gateway.start_before(make_origin(script).address)
    with httpx.stream("GET", gateway.url, timeout=15) as response:
        next(response.iter_lines())
    assert ended.wait(10)
