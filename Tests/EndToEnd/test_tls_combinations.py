"""Every combination of version, key, client certificate and resumption, with three clients.

Each combination has a gateway of its own with two names, so that the name decides the certificate.
"""

import itertools
import socket
import ssl
import subprocess

import pytest

from support import certificates

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
COMBINATIONS = list(itertools.product(VERSIONS, ("ecdsa", "rsa"), ("none", "optional", "required")))
REQUEST = b"GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n"


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def combination(request, gateway, origin, tmp_path):
    """The version, the files of one.example, those of the client, and the running gateway."""
    version, kind, asks = request.param
    one = certificates.make(tmp_path, "one.example", kind, hosts=("one.example",))
    two = certificates.make(tmp_path, "two.example", kind, hosts=("two.example",))
    own = certificates.make(tmp_path, "client", kind) if asks != "none" else None
    client = f"client_certificate {asks} {own[0]}" if own else ""
    gateway.start(f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
site two.example {{
    listen 127.0.0.1:{gateway.port} tls
    certificate {two[0]} {two[1]}
    respond 200 "two"
}}
site one.example {{
    listen 127.0.0.1:{gateway.port} tls
    certificate {one[0]} {one[1]}
    {client}
    proxy {origin.address}
}}
""")
    return version, one, own, gateway


def assert_client(origin, own):
    """The app was told about the client's certificate, if there is one."""
    assert bool(origin.requests[-1].all("Client-Cert")) == bool(own)


def test_python(combination, origin):
    version, one, own, gateway = combination
    tls = ssl.create_default_context(cafile=str(one[0]))
    tls.minimum_version = tls.maximum_version = VERSIONS[version]
    if own:
        tls.load_cert_chain(*own)
    session = None
    for visit in range(3):
        raw = socket.create_connection(("127.0.0.1", gateway.port), 15)
        with tls.wrap_socket(raw, server_hostname="one.example", session=session) as connection:
            assert connection.version() == f"TLSv{version}"
            assert connection.session_reused == (visit > 0)
            connection.sendall(REQUEST)
            answer = b""
            while data := connection.recv(65536):
                answer += data
            session = connection.session
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert_client(origin, own)


def test_openssl(combination, origin, tmp_path):
    version, one, own, gateway = combination
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}",
               f"-tls{version.replace('.', '_')}", "-servername", "one.example", "-CAfile", one[0],
               "-verify_return_error", "-verify_hostname", "one.example", "-ign_eof",
               "-sess_out", tmp_path / "session"]
    if own:
        command += ["-cert", own[0], "-key", own[1]]
    for options, says in [((), "New, TLSv"), (("-sess_in", tmp_path / "session"), "Reused, TLSv")]:
        run = subprocess.run([*command, *options], input=REQUEST, capture_output=True, timeout=30)
        said = run.stdout.decode()
        assert says in said and "HTTP/1.1 200 OK" in said, said + run.stderr.decode()
        assert_client(origin, own)


def test_curl(combination, origin):
    version, one, own, gateway = combination
    # Two connections of one process; whether it takes its session up is curl's choice.
    url = f"https://one.example:{gateway.port}/"
    command = ["curl", "-sS", "--fail", "--cacert", one[0], f"--tlsv{version}", "--tls-max",
               version, "--resolve", f"one.example:{gateway.port}:127.0.0.1",
               "-H", "Connection: close", "-w", "%{http_code} ", "-o", "/dev/null",
               "-o", "/dev/null", url, url]
    if own:
        command += ["--cert", own[0], "--key", own[1]]
    run = subprocess.run(command, capture_output=True, timeout=30, text=True)
    assert run.stdout == "200 200 ", run.stderr
    assert_client(origin, own)
    assert "gateway_tls_handshakes_total 2" in gateway.metrics()
