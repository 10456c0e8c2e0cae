"""Whose word about the client's address is believed, and what the app is told."""

import json

import pytest

SPOOFED = {
    "X_Forwarded_For": "198.51.100.1", "X_Real_IP": "198.51.100.1",
    "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example", "X_Forwarded_Port": "1",
    "Forwarded": "for=198.51.100.1;proto=https", "X_Forwarded_Prefix": "/evil",
}

# gunicorn takes these for X-Forwarded-Proto: https, and answers 400 if the two differ.
SECURE = ["X-Forwarded-Ssl: on", "X-Forwarded-Protocol: ssl"]

# An app that reads fields from a CGI environment cannot tell these from X-Forwarded-For.
UNDERSCORED = ["X_Forwarded_For", "X-Forwarded_For", "X_Real_IP"]


def test_what_an_untrusted_client_makes_up_is_removed(gateway, origin):
    gateway.start_before(origin.address)
    gateway.get(**SPOOFED)
    request = origin.wait_for_requests(1)[0]
    assert request["X-Forwarded-For"] == "127.0.0.1"
    assert request["X-Real-IP"] == "127.0.0.1"
    assert request["X-Forwarded-Proto"] == "http"
    assert request["X-Forwarded-Host"] == "shop.example"
    assert request["X-Forwarded-Port"] != "1"
    everything = str(request.fields)
    assert "198.51.100.1" not in everything
    assert "evil" not in everything


@pytest.mark.parametrize("fields, client", [
    ("X-Forwarded-For: 203.0.113.7", "203.0.113.7"),
    ("X-Forwarded-For: 198.51.100.1, 203.0.113.7", "203.0.113.7"),
    ("X-Forwarded-For: 203.0.113.7, 10.0.0.1", "203.0.113.7"),
    ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7,10.9.9.9", "203.0.113.7"),
    ("X-Forwarded-For:   203.0.113.7:4711  ", "203.0.113.7"),
    ("X-Forwarded-For: [2001:db8::7]:4711", "2001:db8::7"),
    ("X-Forwarded-For: 2001:DB8::7", "2001:db8::7"),
    ("X-Forwarded-For: ::ffff:203.0.113.7", "203.0.113.7"),
    ("X-Forwarded-For: 198.51.100.1, garbage, 10.0.0.1", "10.0.0.1"),
    ("X-Forwarded-For: garbage", "127.0.0.1"),
    ("X-Forwarded-For: 10.0.0.2, 10.0.0.1", "10.0.0.2"),
    ("X-Other: 1", "127.0.0.1"),
])
def test_right_to_left_over_trusted_hops(gateway, origin, fields, client):
    gateway.start_before(origin.address, top="trusted_proxies 127.0.0.0/8 10.0.0.0/8")
    with gateway.client() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
        assert connection.read_response().status == 200
    assert origin.wait_for_requests(1)[0]["X-Real-IP"] == client


@pytest.mark.parametrize("field, client", [
    ("for=203.0.113.7", "203.0.113.7"),
    ('for="203.0.113.7:80";proto=https', "203.0.113.7"),
    ('for="[2001:db8::7]:4711"', "2001:db8::7"),
    ("for=198.51.100.1, for=203.0.113.7, for=10.0.0.1", "203.0.113.7"),
    ("for=203.0.113.7, for=_hidden", "127.0.0.1"),
    ("for=203.0.113.7, for=unknown", "127.0.0.1"),
])
def test_forwarded(gateway, origin, field, client):
    gateway.start_before(
        origin.address,
        top="trusted_proxies 127.0.0.0/8 10.0.0.0/8\nclient_address forwarded")
    gateway.get(Forwarded=field)
    assert origin.wait_for_requests(1)[0]["X-Real-IP"] == client


def test_peer_believes_nobody(gateway, origin):
    gateway.start_before(origin.address,
                         top="trusted_proxies 127.0.0.0/8\nclient_address peer")
    gateway.get(X_Forwarded_For="203.0.113.7")
    assert origin.wait_for_requests(1)[0]["X-Real-IP"] == "127.0.0.1"


def test_scheme_and_host_of_a_trusted_proxy(gateway, origin):
    gateway.start_before(origin.address, top="trusted_proxies 127.0.0.0/8")
    gateway.get(X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
    assert origin.wait_for_requests(1)[0]["X-Forwarded-Proto"] == "https"


def test_request_id_of_a_trusted_proxy_is_kept_and_of_others_is_not(gateway, origin):
    text = gateway.configuration(origin.address)
    gateway.start(text)
    assert gateway.get(X_Request_ID="made-up-by-client")["X-Request-ID"] != "made-up-by-client"
    assert origin.wait_for_requests(1)[0]["X-Request-ID"] != "made-up-by-client"
    gateway.end()
    gateway.start("trusted_proxies 127.0.0.0/8\n" + text)  # The same file, and one line more.
    response = gateway.get(X_Request_ID="0123456789abcdef")
    assert response["X-Request-ID"] == "0123456789abcdef"
    assert origin.wait_for_requests(2)[1]["X-Request-ID"] == "0123456789abcdef"


def test_address_lists_use_the_true_address(gateway, origin):
    gateway.start_before(origin.address, top="trusted_proxies 127.0.0.0/8",
                         site="deny 203.0.113.0/24")
    assert gateway.get(X_Forwarded_For="203.0.113.7").status == 403
    assert gateway.get(X_Forwarded_For="198.51.100.7").status == 200
    assert len(origin.requests) == 1


def test_flask_behind_a_trusted_proxy_sees_the_client(gateway, gthread):
    gateway.start_before(gthread.address, upstream="profile gunicorn",
                         top="trusted_proxies 127.0.0.0/8")
    seen = json.loads(gateway.get("/echo", X_Forwarded_For="203.0.113.7",
                                  X_Forwarded_Proto="https").body)
    fields = {name.lower(): value for name, value in seen["headers"]}
    assert fields["x-real-ip"] == "203.0.113.7"
    # The chain: the client first, then the hops that were believed.
    assert fields["x-forwarded-for"].split(", ")[0] == "203.0.113.7"
    assert seen["url"].startswith("https://shop.example")


def test_flask_sees_a_direct_client_whatever_it_says(gateway, gthread):
    gateway.start_before(gthread.address, upstream="profile gunicorn")
    seen = json.loads(gateway.get("/echo", **SPOOFED).body)
    assert seen["client"] == "127.0.0.1"
    assert seen["url"].startswith("http://shop.example")


@pytest.mark.parametrize("field", SECURE)
def test_no_client_can_claim_that_it_came_over_tls(gateway, gthread, field):
    gateway.start_before(gthread.address, upstream="profile gunicorn")
    with gateway.client() as client:
        client.send(f"GET /echo HTTP/1.1\r\nHost: shop.example\r\n{field}\r\n\r\n")
        response = client.read_response()
    assert response.status == 200
    assert json.loads(response.body)["url"].startswith("http://shop.example")


@pytest.mark.parametrize("name", UNDERSCORED)
def test_underscores_do_not_hide_a_made_up_address(gateway, origin, name):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a\r\n{name}: 198.51.100.1\r\n\r\n")
        assert client.read_response().status == 200
    assert "198.51.100.1" not in str(origin.wait_for_requests(1)[0].fields)
