"""RFC 9110 and 9112 seen from outside: what passes, what is added, and what must not pass."""

import json
import threading

from support.wire import Client


def test_pipelined_requests_are_answered_in_order(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        client.send("".join(f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(10)))
        targets = [json.loads(client.read_response().body)["target"] for _ in range(10)]
    assert targets == [f"/{n}" for n in range(10)]


def test_hop_by_hop_fields_are_not_passed_on(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.respond(b"ok", Connection="X-Private", X_Private="1", Keep_Alive="timeout=5",
                           X_Public="2")

    origin = make_origin(script)
    gateway.start_before(origin.address)
    with gateway.client() as client:
        response = client.get(Connection="keep-alive, X-Secret", Proxy_Connection="keep-alive",
                              X_Secret="1", TE="gzip", X_Open="2")
    request = origin.wait_for_requests(1)[0]
    assert request["X-Open"] == "2"
    for name in ("X-Secret", "TE", "Proxy-Connection"):
        assert request[name] is None
    assert response["X-Public"] == "2"
    for name in ("X-Private", "Keep-Alive"):
        assert response[name] is None


def test_via_is_added(gateway, origin):
    gateway.start_before(origin.address)
    gateway.get()
    assert "1.1 " in origin.wait_for_requests(1)[0]["Via"]


def test_absolute_form_takes_the_host_of_the_target(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        client.send("GET http://real.example/a?b HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert client.read_response().status == 200
    request = origin.wait_for_requests(1)[0]
    assert request.target == "/a?b"
    assert request["Host"] == "real.example"


def test_options_asterisk_reaches_the_origin(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        assert client.request("OPTIONS", "*").status == 200
    assert origin.wait_for_requests(1)[0].target == "*"


def test_connect_is_refused(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
        assert client.read_response().status in (400, 405, 501)
    assert origin.requests == []


def test_trailers_and_chunk_extensions_of_a_request(gateway, origin):
    gateway.start_before(origin.address, site="buffer off")
    with gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3;name=value;other=\"quoted\"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert client.read_response().status == 200
    assert origin.wait_for_requests(1)[0].body == b"abc"
    assert origin.problems == []


def test_chunked_response_with_extensions_and_trailers(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"3;a=b\r\nabc\r\n3\r\ndef\r\n0\r\nX-Sum: 1\r\n\r\n")

    gateway.start_before(make_origin(script).address)
    response = gateway.get()
    assert (response.status, response.body, response.complete) == (200, b"abcdef", True)


def test_a_chunked_response_reaches_an_http_1_0_client_without_chunks(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"3\r\nabc\r\n0\r\n\r\n")

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        response = client.read_response()
    assert response["Transfer-Encoding"] is None
    assert response.body == b"abc"


def test_an_http_1_0_origin_that_ends_the_body_by_closing(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        for _ in range(2):
            response = client.get()
            assert (response.body, response.complete) == (b"all of it", True)


def test_204_and_304_have_no_body_and_keep_the_connection(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.next_request()
        connection.send(b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 99\r\n\r\n")
        connection.next_request()
        connection.respond(b"after")

    gateway.start_before(make_origin(script).address, top="workers 1")
    with gateway.client() as client:
        assert client.get().status == 204
        assert client.get(If_None_Match='"a"').status == 304
        assert client.get().body == b"after"


def test_head_response_with_a_length_keeps_the_connection(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        connection.next_request()
        connection.respond(b"after")

    gateway.start_before(make_origin(script).address, top="workers 1")
    with gateway.client() as client:
        head = client.request("HEAD", "/")
        assert head["Content-Length"] == "1000"
        assert client.get().body == b"after"


def test_100_continue_comes_before_the_body_is_sent(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    "Expect: 100-continue\r\n\r\n")
        assert client.read_line() == b"HTTP/1.1 100 Continue"
        assert client.read_fields() == []
        client.send("body")
        assert client.read_response().status == 200
    assert origin.wait_for_requests(1)[0].body == b"body"


def test_no_100_continue_for_a_body_that_is_too_large(gateway, origin):
    gateway.start_before(origin.address, site="limit body=1k")
    with gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n"
                    "Expect: 100-continue\r\n\r\n")
        response = client.read_response()
    assert (response.status, response.interim) == (413, [])
    assert origin.requests == []


def test_103_early_hints_pass_before_the_response_is_ready(gateway, make_origin):
    seen = threading.Event()

    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        if seen.wait(10):
            connection.respond(b"late")

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_line() == b"HTTP/1.1 103 Early Hints"
        assert ("Link", "</a.css>; rel=preload") in client.read_fields()
        seen.set()
        assert client.read_response().body == b"late"


def test_interim_responses_are_not_sent_to_http_1_0_clients(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
        connection.respond(b"ok")

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        response = client.read_response()
    assert (response.status, response.interim) == (200, [])


def test_connection_close_is_honoured(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        assert client.get(Connection="close")["Connection"].lower() == "close"
        assert client.is_ended()


def test_connections_to_the_origin_are_kept(gateway, origin):
    gateway.start_before(origin.address, top="workers 1")
    for number in range(20):
        with Client(gateway.port) as client:
            assert client.get(f"/{number}").status == 200
    assert len(origin.connections) == 1
