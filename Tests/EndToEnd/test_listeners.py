"""Where the gateway listens, and how sites and routes are chosen from outside."""

import os
import socket
import stat

from support.gateway import run_command
from support.waiting import until
from support.wire import Client


def test_unix_socket_listener(gateway, origin, tmp_path):
    path = tmp_path / "gateway.sock"
    gateway.start_before(origin.address, site=f"listen unix:{path}")
    with Client(path) as client:
        for _ in range(3):
            assert client.get().status == 200


def test_unix_socket_has_the_mode_that_the_file_says_whatever_the_umask(gateway, origin, tmp_path):
    path = tmp_path / "gateway.sock"

    def mode():
        return stat.S_IMODE(os.stat(path).st_mode)

    before = os.umask(0o077)
    try:
        text = gateway.configuration(origin.address, site=f"listen unix:{path}")
        gateway.start(text, wait_for=path)
        assert mode() == 0o666
    finally:
        os.umask(before)
    gateway.reload(text.replace(f"unix:{path}", f"unix:{path} mode=0600"))
    until(lambda: mode() == 0o600, "the new mode")
    with Client(path) as client:
        assert client.get().status == 200


def test_unix_socket_origin(gateway, make_origin, tmp_path):
    origin = make_origin(path=tmp_path / "origin.sock")
    gateway.start_before(origin.address)
    with gateway.client() as client:
        for _ in range(3):
            assert client.request("POST", "/", body=b"x").status == 200
    assert len(origin.requests) == 3


def test_ipv6_listener(gateway, origin):
    gateway.start_before(origin.address, site=f"listen [::1]:{gateway.port}")
    with socket.create_connection(("::1", gateway.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_the_most_specific_site_and_route_win_whatever_the_order(gateway):
    def answer(name):
        return f'respond 200 "{name}"'

    gateway.start(f"""
    access_log off
    site * {{
        listen 127.0.0.1:{gateway.port}
        route * {{ {answer("any")} }}
    }}
    site *.example.com {{
        listen 127.0.0.1:{gateway.port}
        route * {{ {answer("wildcard")} }}
    }}
    site shop.example.com {{
        listen 127.0.0.1:{gateway.port}
        route * {{ {answer("rest")} }}
        route /a/* {{ {answer("prefix")} }}
        route /a/b {{ {answer("exact")} }}
        route /a/b method=POST {{ {answer("post")} }}
    }}
    """)
    for method, host, path, expected in [
        ("GET", "other.org", "/", "any"),
        ("GET", "www.example.com", "/a/b", "wildcard"),
        ("GET", "SHOP.example.com:80", "/", "rest"),
        ("GET", "shop.example.com", "/a/", "prefix"),
        ("GET", "shop.example.com", "/a/c?x", "prefix"),
        ("GET", "shop.example.com", "/a/b?x", "exact"),
        ("POST", "shop.example.com", "/a/b", "post"),
        ("GET", "shop.example.com", "/ab", "rest"),
    ]:
        with gateway.client() as client:
            client.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")
            assert client.read_response().text.strip() == expected, (method, host, path)


def test_header_rules_add_up(gateway, origin):
    gateway.start_before(
        origin.address, top="header response set X-Top 1",
        site="header request set X-Given a\n    header request remove User-Agent\n"
             "    header response add X-Site 2\n    header response remove Content-Type")
    response = gateway.get(User_Agent="agent", X_Given="b")
    request = origin.wait_for_requests(1)[0]
    assert request.all("X-Given") == ["a"]
    assert request["User-Agent"] is None
    assert (response["X-Top"], response["X-Site"], response["Content-Type"]) == ("1", "2", None)


def test_many_connections_at_once(gateway, origin):
    gateway.start_before(origin.address)
    clients = [Client(gateway.port) for _ in range(300)]
    for client in clients:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for client in clients:
        assert client.read_response().status == 200
        client.close()


def test_a_second_gateway_on_the_same_port_is_refused(gateway, origin, tmp_path):
    gateway.start_before(origin.address)
    second = run_command("run", "--config", gateway.file, cwd=tmp_path)
    assert second.returncode == 1
    assert "cannot listen" in second.stderr + second.stdout
    with gateway.client() as client:
        assert client.get().status == 200
