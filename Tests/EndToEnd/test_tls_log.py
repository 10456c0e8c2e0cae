"""What the log says of handshakes that come to nothing, and how often."""

import re
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest

from support import certificates
from support.pki import PKI
from support.waiting import free_port, until

CLIENT = "a client's TLS handshake failed"


def lines(gateway, *words):
    return [line for line in gateway.output.splitlines() if all(word in line for word in words)]


def logged(gateway, *words):
    until(lambda: lines(gateway, *words), f"a line with {words}")
    return lines(gateway, *words)


def failures(gateway, reason):
    line = rf'gateway_tls_handshakes_failed_total{{reason="{reason}"}} (\d+)'
    return int(re.search(line, gateway.metrics()).group(1))


def s_client(gateway, *options):
    subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
         "localhost", *map(str, options)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_client_certificates(gateway, origin, tmp_path, version):
    pki = PKI(tmp_path)
    chain, key = certificates.make(tmp_path, "localhost")
    gateway.start_before(
        origin.address, listen="tls",
        site=f"certificate {chain} {key}\nclient_certificate required {pki.root.path}")
    s_client(gateway, version)
    (line,) = logged(gateway, CLIENT, "no_client_certificate")
    assert "127.0.0.1" in line and "localhost" in line
    old = pki.leaf("old", issuer=pki.root, starts=-9, days=-1)
    s_client(gateway, version, "-cert", old.path, "-key", old.key_path)
    logged(gateway, CLIENT, "invalid_certificate", "certificate has expired")


def test_an_old_version(gateway, origin, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    gateway.start_before(origin.address, listen="tls", site=f"certificate {chain} {key}")
    s_client(gateway, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    logged(gateway, CLIENT, "unsupported_version", "no version of TLS is known to both sides")


def test_a_client_that_distrusts_the_certificate(gateway, origin, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    gateway.start_before(origin.address, listen="tls", site=f"certificate {chain} {key}")
    s_client(gateway, "-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore")
    logged(gateway, CLIENT, "refused_by_peer", "it has broken the handshake off", "alert")


def test_nobody_can_fill_the_log(gateway, origin, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    gateway.start_before(
        origin.address, listen="tls", top="workers 2\nlog level=debug",
        site=f"certificate {chain} {key}")
    for number in range(1, 41):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as connection:
            connection.sendall(b"\x00not TLS")
            connection.recv(100)
        until(lambda: failures(gateway, "not_tls") == number, "the failure to be counted")
    # One each minute from each of the two loops; this may take longer than one minute at worst.
    assert 1 <= len(logged(gateway, CLIENT, "not_tls")) <= 6


def test_scanners_are_not_told_of_at_the_default_level(gateway, origin, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    gateway.start_before(origin.address, listen="tls", site=f"certificate {chain} {key}")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as connection:
        connection.sendall(b"\x00not TLS")
        connection.recv(100)
    until(lambda: failures(gateway, "not_tls") == 1, "the failure to be counted")
    s_client(gateway, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    logged(gateway, CLIENT, "unsupported_version")
    assert not lines(gateway, CLIENT, "not_tls")


# MARK: Servers


def secured(chain, key, authority=None):
    """Makes TLS of a connection; may ask for a certificate of an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    return lambda plain: context.wrap_socket(plain, server_side=True)


@contextmanager
def server(secure=lambda plain: plain):
    """A server that answers whatever comes by a 400."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                plain.settimeout(15)
                with secure(plain) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=15)


def start(gateway, port, tls):
    gateway.start(f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
upstream app {{
    server 127.0.0.1:{port} tls
    tls {tls}
}}
site * {{ listen 127.0.0.1:{gateway.port}; proxy app }}
""")


def test_a_server_without_tls(gateway):
    with server() as port:
        start(gateway, port, "verify=off")
        assert gateway.get("/").status == 502
        logged(gateway, "TLS with a server fails", "app", "what it sends is no TLS")


def test_a_server_with_an_old_version_only(gateway, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    port = free_port()
    old = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", chain, "-key", key,
         "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        start(gateway, port, f"ca={chain}")
        until(lambda: gateway.get("/").status == 502
              and lines(gateway, "TLS with a server fails"), "the handshake to fail")
        assert lines(gateway, "TLS with a server fails", "version")
    finally:
        old.kill()
        old.wait(timeout=15)


def test_a_server_that_refuses_the_certificate(gateway, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    other = certificates.make(tmp_path, "other")
    with server(secured(chain, key, authority=other[0])) as port:
        start(gateway, port, f"ca={chain} certificate={chain} key={key}")
        assert gateway.get("/").status == 502
        logged(gateway, "TLS with a server fails", "it has broken the handshake off", "alert")


def test_the_name_that_a_certificate_should_have(gateway, tmp_path):
    chain, key = certificates.make(tmp_path, "localhost")
    with server(secured(chain, key)) as port:
        start(gateway, port, f"ca={chain} name=app.internal")
        assert gateway.get("/").status == 502
        logged(gateway, "cannot be verified", "app.internal", "hostname mismatch")
