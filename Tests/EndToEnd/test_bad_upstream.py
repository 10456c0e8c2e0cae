"""Origins that answer wrongly, late or not at all, and what the client is told."""

import json

import pytest

from support.waiting import free_port

GARBAGE = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "field without a colon": b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n",
    "differing lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "malformed length": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
    "length with a coding":
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 10_000_000,
    "switching protocols unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                                   b"Connection: Upgrade\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


def check_problem(response, statuses, *secrets):
    """An error of the gateway's own: RFC 9457, with an id, a reason for proxies, and no secrets."""
    assert response.status in statuses
    assert response["Content-Type"].startswith("application/problem+json")
    problem = json.loads(response.body)
    assert problem["status"] == response.status
    assert problem["title"]
    assert response["X-Request-ID"]
    assert "error=" in response["Proxy-Status"]
    for secret in secrets:
        assert secret not in response.text and secret not in str(response.fields)


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_502_and_none_of_it_is_passed_on(gateway, make_origin, kind):
    def script(connection):
        connection.next_request()
        connection.send(GARBAGE[kind])

    origin = make_origin(script)
    gateway.start_before(origin.address)
    with gateway.client() as client:
        response = client.request("POST", "/", body=b"x", Accept="application/json")
        check_problem(response, (502,), str(origin.port))


def test_the_gateway_still_serves_after_all_of_that(gateway, make_origin):
    answers = iter([*GARBAGE.values(), *[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"] * 30])

    def script(connection):
        connection.next_request()
        connection.send(next(answers))

    # Without kept connections: the origin closes them, and nothing is sent twice here.
    gateway.start_before(
        make_origin(script).address, upstream="retry off\n    eject off\n    keepalive off")
    statuses = [gateway.get(Accept="application/json").status for _ in range(len(GARBAGE) + 5)]
    assert set(statuses[: len(GARBAGE)]) == {502}
    assert statuses[-5:] == [200] * 5


def test_a_silent_origin_is_504(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.is_ended()

    origin = make_origin(script)
    gateway.start_before(origin.address, site="timeout response=300ms")
    check_problem(gateway.get(Accept="application/json"), (504,), str(origin.port))
    # The origin may get to read it only now.
    origin.wait_for_requests(1)
    assert len(origin.requests) == 1, "a slow origin is not asked twice"


def test_an_origin_that_stops_in_the_body_is_cut_off(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        connection.is_ended()

    # Time enough for the origin to begin.
    gateway.start_before(make_origin(script).address, site="timeout response=2s")
    response = gateway.get()
    assert response.status == 200
    assert not response.complete


def test_nobody_listens(gateway):
    port = free_port()
    gateway.start_before(f"127.0.0.1:{port}")
    response = gateway.get(Accept="application/json")
    check_problem(response, (502, 503), str(port))
    assert int(response["Retry-After"]) >= 1


def test_a_missing_unix_socket(gateway, tmp_path):
    gateway.start_before(f"unix:{tmp_path}/nothing.sock")
    check_problem(gateway.get(Accept="application/json"), (502, 503), str(tmp_path))


def test_a_name_that_does_not_resolve_is_no_reason_not_to_start(gateway):
    gateway.start_before("name.invalid:80")
    check_problem(gateway.get(Accept="application/json"), (502, 503), "name.invalid")


def test_browsers_get_a_page(gateway):
    gateway.start_before(f"127.0.0.1:{free_port()}")
    response = gateway.get(Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert response["Content-Type"].startswith("text/html")
    assert response["X-Request-ID"]
