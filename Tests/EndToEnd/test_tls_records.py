"""The gateway's own record layer of TLS 1.3, against OpenSSL, Python's ssl and curl.

How a connection's bytes are protected after the handshake is no business of the app's, so all of
this is looked at from outside: new keys, ends, cut connections, the key log.
"""

import hashlib
import re
import socket
import ssl
import subprocess
import threading

import pytest

from support import certificates
from support.waiting import until

REQUEST = "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


@pytest.fixture
def chain(tmp_path):
    return certificates.make(tmp_path, "localhost")


@pytest.fixture
def secure(gateway, origin, chain):
    return gateway.start_before(origin.address, listen="tls",
                                site=f"certificate {chain[0]} {chain[1]}")


class OpenSSL:
    """An `openssl s_client` that is told what to do line by line."""

    def __init__(self, port, *options):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while piece := self.process.stdout.read1(65536):
            self.output += piece

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def expect(self, pattern, count=1):
        until(lambda: len(re.findall(pattern, self.output)) >= count,
              f"{count} of {pattern} in {self.output[-2000:]}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=15)
        self.reader.join(timeout=15)


@pytest.fixture
def openssl():
    clients = []

    def start(*arguments):
        clients.append(OpenSSL(*arguments))
        return clients[-1]

    yield start
    for client in clients:
        client.process.kill()
        client.process.wait()


@pytest.mark.parametrize("suite", SUITES)
def test_new_keys_of_both_sides(secure, origin, openssl, suite, tmp_path):
    """`k` renews the client's keys, `K` asks for the gateway's as well."""
    session = tmp_path / "session"
    client = openssl(secure.port, "-tls1_3", "-ciphersuites", suite, "-sess_out", session)
    # The ticket comes to who only waits, and the client writes it down as it comes.
    end = "END SSL SESSION PARAMETERS-----\n"
    until(lambda: session.exists() and session.read_text().endswith(end), "a ticket")
    for number, command in enumerate(["", "k", "K", "K", "k", "K"], start=1):
        if command:
            client.say(f"{command}\n")
            client.expect(rb"KEYUPDATE", count=number - 1)
        client.say(REQUEST.format(number))
        client.expect(rb"HTTP/1\.1 200 OK", count=number)
    client.close()
    # What it says of the handshake it keeps until its end.
    assert f"Cipher is {suite}".encode() in client.output
    assert [request.target for request in origin.requests] == [f"/{n}" for n in range(1, 7)]


@pytest.mark.parametrize("size", [512, 4096])
def test_a_client_with_room_for_short_records_gets_short_ones(secure, origin, openssl, size):
    """max_fragment_length (RFC 6066 §4): s_client ends the connection at a longer record."""
    client = openssl(secure.port, "-tls1_3", "-maxfraglen", str(size), "-quiet")
    client.say(f"GET /{'a' * 6_000} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    client.process.wait(timeout=30)
    client.reader.join(timeout=15)
    assert b"HTTP/1.1 200 OK" in client.output and b"a" * 6_000 in client.output


def context(chain):
    result = ssl.create_default_context(cafile=str(chain[0]))
    result.minimum_version = ssl.TLSVersion.TLSv1_3
    return result


def connect(gateway, tls):
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=15)
    return tls.wrap_socket(raw, server_hostname="localhost")


def test_an_end_is_announced(secure, chain):
    """close_notify comes behind the last response, whether or not the client says farewell."""
    for ending in ("Connection: close\r\n", ""):
        with connect(secure, context(chain)) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n{ending}\r\n".encode())
            received = b""
            if ending:
                # Python raises SSLEOFError at an end without a farewell.
                connection.suppress_ragged_eofs = False
                while piece := connection.recv(65536):
                    received += piece
            else:
                while b"\r\n\r\n" not in received:
                    received += connection.recv(65536)
                connection.unwrap()
            assert received.startswith(b"HTTP/1.1 200 OK")


def test_a_request_in_pieces_of_one_record_each(secure, origin, chain):
    """Each byte in a record of its own, and a body in records of all sizes."""
    body = bytes(range(256)) * 1024
    with connect(secure, context(chain)) as connection:
        for byte in b"POST /pieces HTTP/1.1\r\nHost: localhost\r\n":
            connection.sendall(bytes([byte]))
        connection.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode())
        position, size = 0, 1
        while position < len(body):
            connection.sendall(body[position:position + size])
            position, size = position + size, min(size * 3 + 1, 16384)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert hashlib.sha256(origin.requests[-1].body).digest() == hashlib.sha256(body).digest()


def test_a_changed_record_ends_the_connection(secure, origin, chain):
    """A man in the middle changes a byte: the client is told, and no request comes of it."""
    with socket.create_server(("127.0.0.1", 0)) as between:
        def carry(source, target, spoil):
            try:
                while piece := source.recv(65536):
                    # The record behind the handshake, which is the one with the request.
                    if spoil.is_set():
                        piece = piece[:-1] + bytes([piece[-1] ^ 1])
                    target.sendall(piece)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        spoil, never = threading.Event(), threading.Event()

        def serve():
            near, _ = between.accept()
            with near, socket.create_connection(("127.0.0.1", secure.port)) as far:
                back = threading.Thread(target=carry, args=(far, near, never), daemon=True)
                back.start()
                carry(near, far, spoil)
                back.join(timeout=15)

        threading.Thread(target=serve, daemon=True).start()
        raw = socket.create_connection(between.getsockname(), timeout=15)
        with context(chain).wrap_socket(raw, server_hostname="localhost") as connection:
            # One whole exchange first, so that nothing of the handshake is on its way any more.
            connection.sendall(REQUEST.format("good").encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
            spoil.set()
            connection.sendall(REQUEST.format("spoiled").encode())
            with pytest.raises(ssl.SSLError, match="(?i)bad.record.mac"):
                while connection.recv(65536):
                    pass
    assert [request.target for request in origin.requests] == ["/good"]


def test_the_key_log_has_the_secrets_that_the_client_has(gateway, origin, chain, tmp_path):
    """Two resumed connections and one of TLS 1.2: line by line what the client's own log says."""
    ours, theirs = tmp_path / "ours.log", tmp_path / "theirs.log"
    server = gateway.start_before(origin.address, listen="tls", top=f"tls keylog={ours}",
                                  site=f"certificate {chain[0]} {chain[1]}")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls = ssl.create_default_context(cafile=str(chain[0]))
        tls.minimum_version = tls.maximum_version = version
        tls.keylog_filename = str(theirs)
        for _ in range(2):
            with connect(server, tls) as connection:
                connection.sendall(REQUEST.format("").encode())
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")

    def lines(path):
        return sorted(line for line in path.read_text().splitlines() if not line.startswith("#"))

    assert len(lines(theirs)) == 2 + 2 * 5
    assert lines(ours) == lines(theirs)


def test_without_the_directive_no_secret_is_written(secure, chain, tmp_path):
    with connect(secure, context(chain)) as connection:
        connection.sendall(REQUEST.format("").encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"TRAFFIC_SECRET" not in file.read_bytes()


def test_curl_uploads_and_downloads(secure, origin, chain, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(bytes(range(251)) * 9000)
    done = subprocess.run(
        ["curl", "-sS", "--tlsv1.3", "--cacert", chain[0], "--data-binary", f"@{body}",
         f"https://localhost:{secure.port}/up", "--next", "-sS", "--cacert", chain[0],
         f"https://localhost:{secure.port}/down", "-o", tmp_path / "out"],
        capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert origin.requests[0].body == body.read_bytes()
    assert [request.target for request in origin.requests] == ["/up", "/down"]
