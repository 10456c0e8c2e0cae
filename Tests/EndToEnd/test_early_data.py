"""Early data (0-RTT) as openssl s_client sends it, and as somebody replays it."""

import re
import socket
import subprocess
import threading

import pytest

from support import certificates
from support.waiting import until


class Recorder:
    """Passes bytes between one client at a time and the gateway, and keeps what the client sent."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target, self.sent = port, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sent.append(b"")
            back = threading.Thread(target=self.carry, args=(server, client, False), daemon=True)
            back.start()
            self.carry(client, server, True)
            back.join()
            client.close()
            server.close()

    def carry(self, source, target, keeps):
        try:
            while data := source.recv(65536):
                if keeps:
                    self.sent[-1] += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


@pytest.fixture
def secure(gateway, origin, tmp_path):
    """A gateway that takes early data."""
    chain, key = certificates.make(tmp_path, "localhost", "ecdsa")
    return gateway.start_before(
        origin.address, listen="tls", site=f"certificate {chain} {key}\n    tls early_data=on")


def visit(port, folder, *options, given=b""):
    """One connection of s_client, which keeps the session; all that it said."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-servername",
         "localhost", "-ign_eof", "-sess_out", folder / "session", *options],
        input=given, capture_output=True, timeout=30)
    return done.stdout.decode()


CLOSE = b"GET /first HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def come_back(port, folder, request):
    """Sends a request as early data."""
    (folder / "request").write_bytes(request)
    return visit(port, folder, "-sess_in", folder / "session", "-early_data", folder / "request")


def origin_saw(origin):
    return [(one.method, one.target, one.all("Early-Data")) for one in origin.requests]


def test_a_safe_request_is_served(secure, origin, tmp_path):
    first = visit(secure.port, tmp_path, given=CLOSE)
    assert "Max Early Data: 16384" in first
    request = b"GET /early HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    second = come_back(secure.port, tmp_path, request)
    assert "Early data was accepted" in second
    assert "HTTP/1.1 200 OK" in second
    assert origin_saw(origin)[0] == ("GET", "/first", [])
    # The client's last flight may come before the request is passed on.
    assert origin_saw(origin)[1] in (("GET", "/early", ["1"]), ("GET", "/early", []))
    assert 'gateway_tls_early_data_total{result="accepted"} 1' in secure.metrics()
    # Each visit brings a ticket for another one.
    third = come_back(secure.port, tmp_path, request)
    assert "Early data was accepted" in third and "HTTP/1.1 200 OK" in third


def test_content_waits_and_arrives_whole(secure, origin, tmp_path):
    visit(secure.port, tmp_path, given=CLOSE)
    request = (b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
               b"Connection: close\r\n\r\nhello")
    assert "HTTP/1.1 200 OK" in come_back(secure.port, tmp_path, request)
    assert origin_saw(origin)[-1] == ("POST", "/early", [])
    assert origin.requests[-1].text == "hello"
    assert 'gateway_early_requests_total{result="held"} 1' in secure.metrics()


def test_a_replay_reaches_nobody(secure, origin, tmp_path):
    visit(secure.port, tmp_path, given=CLOSE)
    recorder = Recorder(secure.port)
    try:
        request = b"GET /early HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert "Early data was accepted" in come_back(recorder.port, tmp_path, request)
    finally:
        recorder.stop()
    flight = recorder.sent[0]
    for _ in range(3):
        with secure.client() as thief:
            thief.send(flight)
            thief.connection.shutdown(socket.SHUT_WR)
            thief.read_to_end()
    until(lambda: 'gateway_tls_early_data_total{result="replayed"} 3' in secure.metrics(),
          "the replays to be counted")
    assert [one[1] for one in origin_saw(origin)] == ["/first", "/early"]


def test_tickets_end_with_the_process(secure, origin, tmp_path):
    """Nobody knows after a restart what has been seen before it, so its tickets are void."""
    visit(secure.port, tmp_path, given=CLOSE)
    secure.end()
    secure.start(secure.file.read_text())
    second = come_back(secure.port, tmp_path, CLOSE)
    assert "Early data was rejected" in second
    assert re.search(r"New, TLSv1.3", second)
    assert 'gateway_tls_early_data_total{result="accepted"} 0' in secure.metrics()
