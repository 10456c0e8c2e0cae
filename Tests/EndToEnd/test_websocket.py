"""WebSocket through Upgrade, with a real server and a real client."""

import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@pytest.fixture
def address(gateway, uvicorn):
    gateway.start_before(uvicorn.address, upstream="profile uvicorn")
    return f"ws://127.0.0.1:{gateway.port}/ws"


def test_echo_of_text_and_bytes(address):
    with connect(address, proxy=None) as socket:
        for message in ("hello", "ünï", b"\x00\xff" * 10, ""):
            socket.send(message)
            assert socket.recv(timeout=10) == message


def test_large_messages(address):
    message = bytes(range(256)) * 3_000
    with connect(address, proxy=None, max_size=None) as socket:
        for _ in range(5):
            socket.send(message)
            assert socket.recv(timeout=20) == message


def test_many_sockets_at_once_do_not_mix(address):
    def talk(number, failures):
        try:
            with connect(address, proxy=None) as socket:
                for turn in range(20):
                    socket.send(f"{number}-{turn}")
                    if socket.recv(timeout=20) != f"{number}-{turn}":
                        failures.append(number)
        except Exception as error:  # Whatever it is, the test has to hear of it.
            failures.append(error)

    failures = []
    threads = [threading.Thread(target=talk, args=(n, failures)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []


def test_closing_handshake(address):
    with connect(address, proxy=None) as socket:
        socket.close(code=1000)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
        assert socket.close_code == 1000


def test_bytes_that_follow_the_upgrade_in_one_piece_are_not_lost(gateway, make_origin):
    def script(connection):
        request = connection.next_request()
        assert request["Upgrade"] == "echo" and "upgrade" in request["Connection"].lower()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                        b"Connection: Upgrade\r\n\r\nfirst")
        connection.send(connection.read_exactly(6))

    gateway.start_before(make_origin(script).address)
    with gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                    "Upgrade: echo\r\n\r\nsecond")
        assert client.read_response().status == 101
        assert client.read_to_end() == b"firstsecond"


def test_an_upgrade_that_the_origin_declines_is_an_ordinary_response(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as client:
        for _ in range(2):
            assert client.get(Connection="Upgrade", Upgrade="nothing").status == 200
