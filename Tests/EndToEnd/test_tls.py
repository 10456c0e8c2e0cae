"""TLS as real clients speak it: Python's ssl, curl, openssl s_client, and two scanners."""

import csv
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from support import certificates
from support.gateway import binary
from support.waiting import free_port, until
from support.wire import Client

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture
def files(tmp_path):
    """An ECDSA and an RSA certificate for localhost."""
    return {kind: certificates.make(tmp_path, f"localhost-{kind}", kind)
            for kind in ("ecdsa", "rsa")}


@pytest.fixture
def secure(gateway, origin, files):
    """A gateway with both certificates."""
    return start(gateway, origin, *files.values())


def start(gateway, origin, *pairs, top="", site=""):
    lines = "\n".join(f"certificate {chain} {key}" for chain, key in pairs)
    return gateway.start_before(origin.address, listen="tls", top=top, site=f"{lines}\n{site}")


def context(chain, version=None):
    result = ssl.create_default_context(cafile=str(chain))
    if version:
        result.minimum_version = result.maximum_version = VERSIONS[version]
    return result


def connect(gateway, tls, name="localhost", session=None):
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=15)
    return tls.wrap_socket(raw, server_hostname=name, session=session)


def ask(connection, target="/", close=False):
    """One request over an open connection, and all of its response."""
    ending = b"Connection: close\r\n" if close else b""
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n".encode() + ending + b"\r\n")
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0].decode(), body


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_python_with_each_version_and_key(gateway, origin, files, version, kind):
    start(gateway, origin, files[kind])
    with connect(gateway, context(files[kind][0], version)) as connection:
        assert connection.version() == f"TLSv{version}"
        for number in range(3):
            assert ask(connection, f"/{number}")[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_openssl_chooses_the_certificate(secure, files, version, kind):
    """Both stand side by side: what the client can verify decides."""
    flag = "-tls1_2" if version == "1.2" else "-tls1_3"
    algorithms = {"ecdsa": "ECDSA+SHA256", "rsa": "RSA-PSS+SHA256:RSA+SHA256"}[kind]
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", flag,
         "-sigalgs", algorithms, "-CAfile", files[kind][0], "-servername", "localhost",
         "-verify_return_error"],
        input=b"", capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert f"CN = localhost-{kind}".encode() in run.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_resumption(secure, files, version):
    tls = context(files["ecdsa"][0], version)
    with connect(secure, tls) as connection:
        ask(connection)
        session = connection.session
        assert not connection.session_reused
    with connect(secure, tls, session=session) as connection:
        assert connection.session_reused
        assert ask(connection)[0] == "HTTP/1.1 200 OK"
    assert "gateway_tls_resumptions_total 1" in secure.metrics()


def test_early_data_is_not_taken(secure, tmp_path):
    """Anyone can replay it, so tickets do not offer it."""
    (tmp_path / "request").write_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_3"]

    def run(*options, given=b""):
        done = subprocess.run([*client, *options], input=given, capture_output=True, timeout=30)
        return done.stdout.decode()

    # With something to ask, the client waits for an answer, and so for the ticket before it.
    asked = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    first = run("-sess_out", tmp_path / "session", "-ign_eof", given=asked)
    assert "Max Early Data: 0" in first
    second = run("-sess_in", tmp_path / "session", "-early_data", tmp_path / "request")
    assert "Reused, TLSv1.3" in second
    assert "Early data was not sent" in second


@pytest.mark.skipif("debug" in str(binary()), reason="a debug build has another size")
def test_memory_at_start(secure):
    # It gives back the code of its start a moment after it has begun to listen.
    until(lambda: secure.resident_bytes() <= 12 << 20, "no more than 12 MiB to be resident")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(secure, files, version, tmp_path):
    body = os.urandom(3_000_000)
    (tmp_path / "body").write_bytes(body)
    run = subprocess.run(
        ["curl", "-sS", "--fail", "--cacert", files["ecdsa"][0], f"--tlsv{version}", "--tls-max",
         version, "-w", "%{http_version} %{ssl_verify_result}", "-o", tmp_path / "out",
         "--data-binary", f"@{tmp_path / 'body'}", f"https://localhost:{secure.port}/"],
        capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert run.stdout == b"1.1 0"


def test_names_choose_the_site(gateway, make_origin, tmp_path):
    one = certificates.make(tmp_path, "one", hosts=["one.test"])
    two = certificates.make(tmp_path, "two", hosts=["*.two.test"])
    text = "access_log off\n"
    for host, (chain, key) in [("one.test", one), ("*.two.test", two)]:
        text += (f"site {host} {{ listen 127.0.0.1:{gateway.port} tls; certificate {chain} {key}\n"
                 f"respond 200 \"{host}\" }}\n")
    gateway.start(text)
    for name, files in [("one.test", one), ("a.two.test", two)]:
        with connect(gateway, context(files[0]), name) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    gateway.reload("tls strict_sni\n" + text)
    until(lambda: not greets(gateway, context(one[0]), "other.test"), "unknown names to be refused")
    assert greets(gateway, context(one[0]), "one.test")


def greets(gateway, tls, name):
    """Whether the handshake comes as far as the certificate."""
    try:
        connect(gateway, tls, name).close()
    except ssl.SSLCertVerificationError:
        return True
    except OSError:
        return False
    return True


def test_client_certificates(gateway, origin, files, tmp_path):
    start(gateway, origin, files["ecdsa"], site=f"client_certificate required {files['rsa'][0]}")
    tls = context(files["ecdsa"][0], "1.2")
    with pytest.raises(OSError):
        connect(gateway, tls)
    tls.load_cert_chain(*files["rsa"])
    with connect(gateway, tls) as connection:
        assert ask(connection)[0] == "HTTP/1.1 200 OK"
    stranger = context(files["ecdsa"][0], "1.2")
    stranger.load_cert_chain(*certificates.make(tmp_path, "stranger"))
    with pytest.raises(OSError):
        connect(gateway, stranger)
    for reason in ("no_client_certificate", "invalid_certificate"):
        failed = f'gateway_tls_handshakes_failed_total{{reason="{reason}"}} 1'
        until(lambda: failed in gateway.metrics(), f"{reason} to be counted")


def test_plain_http_gets_a_400_that_says_so(secure):
    with Client(secure.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = client.read_response()
    assert response.status == 400
    assert "https://" in response.text


def failures_to_load(gateway):
    line = r'gateway_tls_certificate_reloads_total{result="failure"} (\d+)'
    return int(re.search(line, gateway.metrics()).group(1))


def test_a_certificate_is_replaced_under_load(gateway, origin, tmp_path):
    """No handshake fails while new pairs come, and a broken one changes nothing."""
    chain, key = certificates.make(tmp_path, "first")
    start(gateway, origin, (chain, key))
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    failures, served, ended = [], [], threading.Event()

    def load():
        while not ended.is_set():
            try:
                with connect(gateway, tls) as connection:
                    ask(connection, close=True)
                    served.append(connection.getpeercert(True))
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            fresh = certificates.make(tmp_path, f"next{number}")
            der = ssl.PEM_cert_to_DER_cert(fresh[0].read_text())
            os.replace(fresh[1], key)
            os.replace(fresh[0], chain)
            until(lambda: served and served[-1] == der, "the new certificate")
        # A look between the two files of a pair has found that they do not fit together.
        known = failures_to_load(gateway)
        chain.write_text("broken")
        until(lambda: failures_to_load(gateway) > known, "the broken file to be noticed")
        before = len(served)
        until(lambda: len(served) > before + 10, "load after the broken file")
        with connect(gateway, tls) as connection:
            assert connection.getpeercert(True) == der
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=30)
    assert failures == []
    assert "cannot be used" in gateway.output


def test_a_mismatched_pair_stops_the_start(gateway, files):
    text = gateway.configuration(
        "127.0.0.1:1", listen="tls",
        site=f"certificate {files['ecdsa'][0]} {files['rsa'][1]}")
    with pytest.raises(AssertionError, match="does not fit"):
        gateway.start(text)
    gateway.process = None


def test_an_upstream_by_tls(gateway, origin, files, tmp_path):
    """A gateway in front of itself: the certificate is verified, and sessions are taken up."""
    chain, key = files["ecdsa"]
    inner = free_port()
    text = f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
upstream inner {{ server localhost:{inner} tls; tls ca={chain}; keepalive off }}
upstream stranger {{ server localhost:{inner} tls }}
site inner.test localhost {{
    listen 127.0.0.1:{inner} tls
    certificate {chain} {key}
    proxy {origin.address}
}}
site outer.test {{ listen 127.0.0.1:{gateway.port}; proxy inner }}
site stranger.test {{ listen 127.0.0.1:{gateway.port}; proxy stranger }}
"""
    gateway.start(text)
    with Client(gateway.port) as client:
        for _ in range(5):
            client.send(b"GET / HTTP/1.1\r\nHost: outer.test\r\n\r\n")
            response = client.read_response()
            # The name that the client asked for is not one that the inner site has.
            assert response.status in (404, 421)
    with Client(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: stranger.test\r\n\r\n")
        response = client.read_response()
    assert response.status == 502
    assert response["Proxy-Status"] == "gateway; error=tls_certificate_error"
    assert re.search(r"gateway_tls_resumptions_total [1-9]", gateway.metrics())


@pytest.mark.skipif(not shutil.which("sslscan"), reason="sslscan is not installed")
def test_sslscan_finds_nothing_weak(secure):
    run = subprocess.run(
        ["sslscan", "--no-colour", "--show-sigs", f"127.0.0.1:{secure.port}"],
        capture_output=True, text=True, timeout=600)
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert re.search(rf"{version}\s+disabled", run.stdout), run.stdout
    assert re.search(r"TLSv1.3\s+enabled", run.stdout)
    assert "Insecure" not in run.stdout
    assert "Compression enabled" not in run.stdout
    assert not re.search(r"\b(RC4|3DES|NULL|EXP|CBC|MD5|anon)\b", run.stdout)


# What testssl is asked, in parts that run side by side: one after the other they take two minutes.
TESTSSL = {
    "protocols": ["-p", "-s", "-f"],
    "defaults": ["-S"],
    "preference": ["-P", "-g"],
    "vulnerabilities": ["-U"],
    "clients": ["-c"],
}
# What it says of the test's certificates: self-signed, and thus without CRL and OCSP.
TESTSSL_EXPECTED = {"cert_chain_of_trust", "cert_revocation"}


@pytest.mark.skipif(not shutil.which("testssl"), reason="testssl is not installed")
def test_testssl_finds_nothing_above_low(secure, tmp_path):
    runs = {
        name: subprocess.Popen(
            ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "min",
             "--ip", "127.0.0.1", "--csvfile", tmp_path / f"{name}.csv", *options,
             f"localhost:{secure.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, options in TESTSSL.items()}
    try:
        for run in runs.values():
            run.wait(timeout=900)
    finally:
        for run in runs.values():
            run.kill()
    found = []
    for name in TESTSSL:
        with open(tmp_path / f"{name}.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert any(row["severity"] in ("OK", "INFO") for row in rows), f"{name} said nothing"
        found += [row for row in rows
                  if row["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
                  and row["id"].split()[0] not in TESTSSL_EXPECTED]
    assert found == []
