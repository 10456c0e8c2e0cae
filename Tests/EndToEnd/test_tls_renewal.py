"""Certificates, keys and what else is in files, when they change or end while the gateway runs."""

import os
import re
import shutil
import ssl
import subprocess
import time

import pytest

from support.pki import PKI, openssl
from support.waiting import connect, free_port, until
from support.wire import Client

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# Seconds after which a file that cannot be used is spoken of.
GRACE = 5


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return PKI(tmp_path_factory.mktemp("pki"))


def trusting(pki, version=None):
    tls = ssl.create_default_context(cafile=str(pki.root.path))
    if version:
        tls.minimum_version = tls.maximum_version = VERSIONS[version]
    return tls


def handshake(gateway, tls, name="localhost", session=None):
    return tls.wrap_socket(connect(gateway.port), server_hostname=name, session=session)


def ask(connection, host="localhost"):
    """One request; the bytes of its response, whose end is that of the connection."""
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received.decode()


def put(source, target):
    """Puts a file in the place of another one at once."""
    fresh = target.with_name(target.name + ".new")
    shutil.copyfile(source, fresh)
    os.replace(fresh, target)


def install(pki, leaf, directory, name):
    """A certificate with its chain and key under a name, the key first."""
    put(leaf.key_path, directory / f"{name}.key")
    put(pki.chain(leaf, pki.intermediate), directory / f"{name}.pem")


def common_name(gateway, pki, *options):
    """Whose certificate is shown."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
         "localhost", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return re.search(r"subject=CN = (\S+)", done.stdout).group(1)


def count(gateway, metric):
    return int(re.search(rf"^{re.escape(metric)} (\d+)$", gateway.metrics(), re.M).group(1))


def reloads(gateway, result):
    return count(gateway, f'gateway_tls_certificate_reloads_total{{result="{result}"}}')


def start(gateway, *lines, top=""):
    site = "\n".join(f"    {line}" for line in lines)
    return gateway.start(f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
{top}
site localhost {{
    listen 127.0.0.1:{gateway.port} tls
{site}
}}
""")


def test_an_expired_client_certificate_opens_no_session_again(gateway, origin, pki):
    server = pki.leaf("server-for-clients", "DNS:localhost")
    start(gateway, f"certificate {pki.chain(server, pki.intermediate)} {server.key_path}",
          f"client_certificate required {pki.root.path}", f"proxy {origin.address}")
    seconds = 20
    begun = time.time()
    client = pki.leaf("short", "DNS:short", days=seconds / 86400)
    sessions = {}
    for version in VERSIONS:
        tls = trusting(pki, version)
        tls.load_cert_chain(pki.chain(client, pki.intermediate), client.key_path)
        with handshake(gateway, tls) as connection:
            assert ask(connection).startswith("HTTP/1.1 200")
            session = connection.session
        with handshake(gateway, tls, session=session) as connection:
            assert connection.session_reused
            assert ask(connection).startswith("HTTP/1.1 200")
            sessions[version] = tls, connection.session
    until(lambda: time.time() > begun + seconds + 2, "the certificate to end")
    for tls, session in sessions.values():
        with pytest.raises(OSError):
            with handshake(gateway, tls, session=session) as connection:
                assert not connection.session_reused
                ask(connection)
    refused = 'gateway_tls_handshakes_failed_total{reason="invalid_certificate"}'
    until(lambda: count(gateway, refused) == 2, "both to be refused")


def test_a_session_is_for_the_site_that_opened_it(gateway, pki):
    leaf = pki.leaf("two-sites", "DNS:a.test", "DNS:b.test")
    pair = f"certificate {pki.chain(leaf, pki.intermediate)} {leaf.key_path}"
    listen = f"listen 127.0.0.1:{gateway.port} tls"
    gateway.start(f"""
access_log off
site a.test {{ {listen}; {pair}
    respond 200 a }}
site b.test {{ {listen}; {pair}
    tls ciphers=ECDHE-ECDSA-CHACHA20-POLY1305
    respond 200 b }}
""")
    for version in VERSIONS:
        tls = trusting(pki, version)
        with handshake(gateway, tls, "a.test") as connection:
            ask(connection, "a.test")
            session = connection.session
        with handshake(gateway, tls, "a.test", session) as connection:
            assert connection.session_reused
            ask(connection, "a.test")
            session = connection.session
        with handshake(gateway, tls, "b.test", session) as connection:
            assert not connection.session_reused
            assert version == "1.3" or connection.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_chain_of_a_client_is_verified_and_always_there(gateway, origin, pki, version):
    server = pki.leaf("server-for-chains", "DNS:localhost")
    client = pki.leaf("bob", "DNS:bob")
    stranger = pki.make("Stranger", None, "authority")
    start(gateway, f"certificate {pki.chain(server, pki.intermediate)} {server.key_path}",
          f"client_certificate required {pki.root.path} chain", f"proxy {origin.address}")
    tls = trusting(pki, version)
    tls.load_cert_chain(pki.chain(client, pki.intermediate, stranger), client.key_path)
    session = None
    for _ in range(2):
        with handshake(gateway, tls, session=session) as connection:
            answer = ask(connection)
            fields = re.findall(r'"Client-Cert-Chain", "([^"]+)"', answer)
            assert len(fields) == 1 and fields[0].count(":") == 2, answer
            assert not connection.session_reused
            session = connection.session


def test_a_broken_pair_does_not_hold_up_the_other(gateway, pki, tmp_path):
    for kind in ("ec", "rsa"):
        install(pki, pki.leaf(f"old-{kind}", "DNS:localhost", kind=kind), tmp_path, kind)
    start(gateway, *(f"certificate {tmp_path}/{kind}.pem {tmp_path}/{kind}.key"
                     for kind in ("ec", "rsa")), "respond 200 x")
    by_rsa = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    (tmp_path / "rsa.pem").write_text("")
    until(lambda: reloads(gateway, "failure") == 1, "the failure to be counted")
    install(pki, pki.leaf("new-ec", "DNS:localhost"), tmp_path, "ec")
    until(lambda: common_name(gateway, pki) == "new-ec", "the good pair")
    assert common_name(gateway, pki, *by_rsa) == "old-rsa"
    install(pki, pki.leaf("new-rsa", "DNS:localhost", kind="rsa"), tmp_path, "rsa")
    until(lambda: common_name(gateway, pki, *by_rsa) == "new-rsa", "the mended pair")
    assert reloads(gateway, "failure") == 1


def test_a_renewal_in_two_steps_is_no_failure(gateway, pki, tmp_path):
    install(pki, pki.leaf("before", "DNS:localhost"), tmp_path, "a")
    start(gateway, f"certificate {tmp_path}/a.pem {tmp_path}/a.key", "respond 200 x")
    after = pki.leaf("after", "DNS:localhost")
    begun = time.monotonic()
    put(after.key_path, tmp_path / "a.key")
    # Longer than the gateway waits for the next of a row of changes.
    until(lambda: time.monotonic() > begun + 1, "the first step to be looked at")
    put(pki.chain(after, pki.intermediate), tmp_path / "a.pem")
    taken = time.monotonic()
    until(lambda: common_name(gateway, pki) == "after", "the new pair")
    if taken < begun + GRACE - 1:
        assert reloads(gateway, "failure") == 0
        assert "cannot be used" not in gateway.output


def ocsp_response(pki, leaf, directory):
    serial = openssl("x509", "-in", leaf.path, "-noout", "-serial").decode().strip()[7:]
    index, response = directory / "index", directory / "response.der"
    index.write_text(f"V\t401231235959Z\t\t{serial}\tunknown\t/CN={leaf.name}\n")
    signer = pki.intermediate
    openssl("ocsp", "-index", index, "-CA", signer.path, "-rsigner", signer.path, "-rkey",
            signer.key_path, "-issuer", signer.path, "-cert", leaf.path, "-respout", response,
            "-ndays", "4")
    return response


def is_stapled(gateway, pki):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
         "localhost", "-status", "-CAfile", pki.root.path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return "Cert Status: good" in done.stdout


def test_a_bad_ocsp_file_stops_nothing(gateway, pki, tmp_path):
    leaf = pki.leaf("stapled", "DNS:localhost")
    install(pki, leaf, tmp_path, "a")
    file = tmp_path / "a.der"
    start(gateway, f"certificate {tmp_path}/a.pem {tmp_path}/a.key ocsp={file}", "respond 200 x")
    until(lambda: f"'{file}' is not stapled" in gateway.output, "the warning")
    assert common_name(gateway, pki) == "stapled"
    put(ocsp_response(pki, leaf, tmp_path), file)
    until(lambda: is_stapled(gateway, pki), "the response that has come")
    file.write_text("junk")
    until(lambda: reloads(gateway, "failure") == 1, "the junk to be counted")
    assert is_stapled(gateway, pki)
    file.unlink()
    install(pki, pki.leaf("stapled-next", "DNS:localhost"), tmp_path, "a")
    until(lambda: common_name(gateway, pki) == "stapled-next", "the new pair")
    assert not is_stapled(gateway, pki)


def test_a_certificate_that_clients_will_refuse_is_named(gateway, pki, tmp_path):
    install(pki, pki.leaf("old", "DNS:localhost", starts=-9, days=-2), tmp_path, "a")
    start(gateway, f"certificate {tmp_path}/a.pem {tmp_path}/a.key", "respond 200 x")
    until(lambda: f"certificate '{tmp_path}/a.pem' expired" in gateway.output, "the warning")
    install(pki, pki.leaf("elsewhere", "DNS:elsewhere.test"), tmp_path, "a")
    until(lambda: "does not cover 'localhost'" in gateway.output, "the second warning")


def test_what_servers_are_shown_and_believed_by_is_renewed(gateway, origin, pki, tmp_path):
    """A gateway in front of itself."""
    server = pki.leaf("inner", "DNS:localhost")
    stranger = pki.make("Another Root", None, "authority")
    install(pki, pki.leaf("first-client", "DNS:x", days=50.5), tmp_path, "own")
    put(stranger.path, tmp_path / "ca.pem")
    inner = free_port()
    gateway.start(f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
upstream inner {{
    server localhost:{inner} tls
    tls ca={tmp_path}/ca.pem certificate={tmp_path}/own.pem key={tmp_path}/own.key
    keepalive off
}}
site localhost {{
    listen 127.0.0.1:{inner} tls
    certificate {pki.chain(server, pki.intermediate)} {server.key_path}
    client_certificate required {pki.root.path}
    proxy {origin.address}
}}
site * {{
    listen 127.0.0.1:{gateway.port}
    proxy inner
}}
""")

    def answer():
        with Client(gateway.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.read_response()

    # Before that its name may not have been resolved.
    until(lambda: answer().status == 502, "the server not to be believed")
    put(pki.root.path, tmp_path / "ca.pem")
    until(lambda: "CN=first-client" in answer().text, "the right authority to be believed")
    days = f'gateway_tls_certificate_remaining_days{{certificate="{tmp_path}/own.pem"}} 50'
    assert days in gateway.metrics()
    (tmp_path / "ca.pem").write_text("broken")
    install(pki, pki.leaf("second-client", "DNS:x"), tmp_path, "own")
    until(lambda: "CN=second-client" in answer().text, "the new certificate to be shown")


def test_broken_ticket_keys_are_counted(gateway, pki, tmp_path):
    leaf = pki.leaf("tickets", "DNS:localhost")
    keys = tmp_path / "keys"
    keys.write_bytes(os.urandom(80))
    start(gateway, f"certificate {pki.chain(leaf, pki.intermediate)} {leaf.key_path}",
          "respond 200 x", top=f"ticket_keys {keys}")
    metric = "gateway_tls_ticket_key_reloads_total"
    keys.write_bytes(b"short")
    until(lambda: count(gateway, f'{metric}{{result="failure"}}') == 1, "the failure")
    keys.write_bytes(os.urandom(160))
    until(lambda: count(gateway, f'{metric}{{result="success"}}') == 1, "the success")
    assert reloads(gateway, "failure") == 0
