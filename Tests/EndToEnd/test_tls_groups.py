"""The groups of key exchange: X25519 is not OpenSSL's own, and stands beside those that are."""

import socket
import ssl
import subprocess

import pytest

from support import certificates
from support.waiting import until

KEYS = {
    "X25519": "X25519, 253 bits",
    "P-256": "ECDH, prime256v1, 256 bits",
    "P-384": "ECDH, secp384r1, 384 bits",
}


@pytest.fixture
def start(gateway, origin, tmp_path):
    def start(groups):
        # One whose own key is of no group.
        chain, key = certificates.make(tmp_path, "localhost", "rsa")
        site = f"certificate {chain} {key}\ntls groups={groups}"
        return gateway.start_before(origin.address, listen="tls", site=site), chain
    return start


@pytest.mark.parametrize("version,server,client,agreed", [
    ("-tls1_2", "X25519:P-256", "X25519:P-256", "X25519"),
    ("-tls1_2", "P-256:X25519", "X25519:P-256", "P-256"),
    ("-tls1_2", "P-384", "X25519:P-384", "P-384"),
    ("-tls1_3", "X25519:P-256", "X25519:P-256", "X25519"),
    # The client has brought a key already, and it is one that the server takes.
    ("-tls1_3", "P-256:X25519", "X25519:P-256", "X25519"),
    # It has brought one that the server does not take, and is asked for another.
    ("-tls1_3", "X25519", "P-256:X25519", "X25519"),
    ("-tls1_3", "P-384", "X25519:P-384", "P-384"),
])
def test_both_sides_agree(start, version, server, client, agreed):
    gateway, chain = start(server)
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", version, "-groups", client,
         "-CAfile", chain, "-servername", "localhost", "-verify_return_error", "-ign_eof"],
        input=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert f"Server Temp Key: {KEYS[agreed]}" in run.stdout.decode()
    assert b"HTTP/1.1 200 OK" in run.stdout


def hello(chain):
    """What a client of TLS 1.3 says first, and where its key of X25519 begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=str(chain))
    client = tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    said = outgoing.read()
    mark = b"\x00\x1d\x00\x20"
    assert said.count(mark) == 1
    return said, said.index(mark) + len(mark)


# Those of RFC 7748 that agree on nothing secret with any other.
@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31)])
def test_a_key_that_leaves_no_secret_is_refused(start, key):
    gateway, chain = start("X25519")
    said, place = hello(chain)
    with socket.create_connection(("127.0.0.1", gateway.port), 15) as stream:
        stream.sendall(said[:place] + key + said[place + 32:])
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    # An alert, a fatal one, and nothing else.
    assert answer[0] == 21 and answer[5] == 2 and len(answer) == 7
    until(lambda: 'gateway_tls_handshakes_failed_total{reason="protocol_error"} 1'
          in gateway.metrics(), "a failed handshake to be counted")
    # The same with its own key.
    with socket.create_connection(("127.0.0.1", gateway.port), 15) as stream:
        stream.sendall(said)
        assert stream.recv(1) == b"\x16"
