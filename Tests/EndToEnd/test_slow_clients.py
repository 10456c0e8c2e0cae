"""A sync worker answers one request at a time: slow clients must not hold it."""

import threading

from support import backends
from support.wire import Client


def test_slow_uploads_do_not_hold_the_only_worker(gateway, make_backend):
    backend = make_backend(backends.gunicorn, "--worker-class", "sync", "--workers", "1")
    gateway.start_before(backend.address, upstream="profile gunicorn")
    body = b"x" * 20_000
    slow = [Client(gateway.port) for _ in range(20)]
    for client in slow:
        client.send(f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n")
        client.send(body[:10_000])
    # With the worker held by any of them, this would wait for that one's second half.
    for _ in range(5):
        assert gateway.get("/healthz").status == 200
    for client in slow:
        client.send(body[10_000:])
    for client in slow:
        response = client.read_response()
        assert response.status == 200
        assert '"bytes":20000' in response.text.replace(" ", "")
        client.close()


def test_slow_heads_do_not_hold_the_only_worker(gateway, make_backend):
    backend = make_backend(backends.gunicorn, "--worker-class", "sync", "--workers", "1")
    gateway.start_before(backend.address, upstream="profile gunicorn")
    slow = [Client(gateway.port) for _ in range(20)]
    for client in slow:
        client.send("GET /healthz HTTP/1.1\r\nHo")
    assert gateway.get("/healthz").status == 200
    for client in slow:
        client.send("st: a\r\n\r\n")
        assert client.read_response().status == 200
        client.close()


def test_idle_kept_connections_do_not_hold_the_worker(gateway, make_backend):
    backend = make_backend(backends.gunicorn, "--worker-class", "sync", "--workers", "1")
    gateway.start_before(backend.address, upstream="profile gunicorn")
    idle = [Client(gateway.port) for _ in range(10)]
    for client in idle:
        assert client.get("/healthz").status == 200
    for client in idle:
        assert client.get("/healthz").status == 200
        client.close()


def test_chunked_uploads_reach_gunicorn_with_a_length(gateway, make_origin):
    origin = make_origin()
    gateway.start_before(origin.address, upstream="profile gunicorn")
    with gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert client.read_response().status == 200
    request = origin.wait_for_requests(1)[0]
    assert (request["Content-Length"], request["Transfer-Encoding"]) == ("5", None)


def test_a_buffered_request_starts_only_when_it_is_whole(gateway, origin):
    gateway.start_before(origin.address, upstream="profile gunicorn")
    with gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        # A request that came later is through, so the first would have been as well.
        assert gateway.get("/later").status == 200
        assert [request.target for request in origin.requests] == ["/later"]
        client.send("def")
        assert client.read_response().status == 200


def test_many_clients_at_once_each_get_their_own_answer(gateway, gthread):
    gateway.start_before(gthread.address, upstream="profile gunicorn")
    wrong = []

    def ask(number):
        with Client(gateway.port) as client:
            for turn in range(10):
                body = f"{number}-{turn}-" * (number + 1)
                answer = client.request("POST", f"/echo?n={number}", body=body.encode())
                if f'"body_bytes":{len(body)}' not in answer.text.replace(" ", ""):
                    wrong.append((number, turn))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
