"""HTTPS as a user meets it: a local authority, redirects, HSTS, challenges, client certificates."""

import base64
import hashlib
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from support.pki import PKI, openssl
from support.waiting import free_port, until


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return PKI(tmp_path_factory.mktemp("pki"))


def curl(*arguments):
    """Status, fields in lower case, and content."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "10",
         *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    head, _, content = done.stdout.partition("\n\n")
    lines = head.splitlines()
    fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields}, content


@pytest.fixture
def local(gateway, origin, tmp_path):
    """A gateway with a local authority, in front of an origin that says what it was asked."""
    gateway.tls_port = free_port()
    challenges = tmp_path / "acme"
    challenges.mkdir()
    (challenges / "token-1").write_text("token-1.thumbprint")
    gateway.start(f"""
access_log off
state {tmp_path}/state
site localhost {{
    listen 127.0.0.1:{gateway.port}
    listen 127.0.0.1:{gateway.tls_port} tls
    certificate internal
    https redirect hsts=1y acme={challenges}
    proxy {origin.address}
}}
site other.example {{
    listen 127.0.0.1:{gateway.tls_port} tls
    certificate internal
    respond 200 "other"
}}
""", wait_for=gateway.tls_port)
    gateway.authority = tmp_path / "state/internal/ca.pem"
    return gateway


def test_a_local_authority_serves_https_with_no_further_step(local, tmp_path):
    status, fields, content = curl(
        "--cacert", local.authority, f"https://localhost:{local.tls_port}/x")
    assert status == 200
    assert fields["strict-transport-security"] == "max-age=31536000"
    folder = tmp_path / "state/internal"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in folder.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    until(lambda: f"curl --cacert {local.authority}" in local.output, "the advice")


def test_the_authority_survives_a_restart(local):
    before = local.authority.read_bytes()
    text = local.file.read_text()
    local.end()
    local.start(text, wait_for=local.tls_port)
    assert local.authority.read_bytes() == before


def test_http_is_redirected_with_the_method_kept(local):
    status, fields, _ = curl(
        "--data", "a=b", "-H", "Host: localhost", f"http://127.0.0.1:{local.port}/x?y=z")
    assert status == 308
    assert fields["location"] == f"https://localhost:{local.tls_port}/x?y=z"
    assert "strict-transport-security" not in fields


def test_a_challenge_is_answered_by_http(local):
    url = f"http://localhost:{local.port}/.well-known/acme-challenge"
    assert curl(f"{url}/token-1")[::2] == (200, "token-1.thumbprint")
    assert curl(f"{url}/token-2")[0] == 404


def test_a_host_of_another_certificate_is_misdirected(local):
    url = f"https://localhost:{local.tls_port}/"
    for host in ("other.example", "elsewhere.example"):
        assert curl("--cacert", local.authority, "-H", f"Host: {host}", url)[0] == 421
    right = curl(
        "--cacert", local.authority, "--resolve", f"other.example:{local.tls_port}:127.0.0.1",
        f"https://other.example:{local.tls_port}/")
    assert right[::2] == (200, "other")


def test_a_client_certificate_reaches_the_app(gateway, origin, pki, tmp_path):
    server = pki.leaf("shop.example", "DNS:localhost")
    client = pki.leaf("alice", "DNS:alice", extra="extendedKeyUsage=clientAuth")
    gateway.start(f"""
access_log off
site localhost {{
    listen 127.0.0.1:{gateway.port} tls
    certificate {pki.chain(server, pki.intermediate)} {server.key_path}
    client_certificate optional {pki.root.path} chain
    proxy {origin.address}
}}
""")
    url = f"https://localhost:{gateway.port}/"
    made_up = ["-H", "Client-Cert: :AAAA:", "-H", "X-Client-Cert-Subject: CN=root"]
    status, _, content = curl(
        "--cacert", pki.root.path, "--cert", pki.chain(client, pki.intermediate),
        "--key", client.key_path, *made_up, url)
    assert status == 200
    der = openssl("x509", "-in", client.path, "-outform", "DER")
    seen = content.lower()
    assert f":{base64.b64encode(der).decode()}:".lower() in seen
    assert hashlib.sha256(der).hexdigest() in seen
    assert "cn=alice" in seen
    assert "client-cert-chain" in seen
    assert ":aaaa:" not in seen and "cn=root" not in seen
    bare = curl("--cacert", pki.root.path, *made_up, url)[2].lower()
    assert "client-cert" not in bare


class Responder(BaseHTTPRequestHandler):
    """Lets the openssl program answer what an OCSP client asks."""

    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        content = self.server.answer(request)
        self.send_response(200 if content else 500)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def responder():
    server = HTTPServer(("127.0.0.1", 0), Responder)
    server.asked = 0
    server.url = f"http://127.0.0.1:{server.server_port}/ocsp"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def start_with_responder(gateway, responder, pki, tmp_path, answer):
    leaf = pki.leaf(
        f"stapled-{responder.server_port}", "DNS:localhost",
        extra=f"authorityInfoAccess=OCSP;URI:{responder.url}")
    responder.answer = lambda request: answer(leaf, request)
    gateway.start(f"""
access_log off
metrics 127.0.0.1:{gateway.metrics_port}
state {tmp_path}/state
site localhost {{
    listen 127.0.0.1:{gateway.port} tls
    certificate {pki.chain(leaf, pki.intermediate)} {leaf.key_path} ocsp=on
    respond 200 "x"
}}
""", environment={"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"})
    return leaf


def answer_by_openssl(pki, tmp_path, issuer=None):
    """Answers as the intermediate, or as somebody else."""
    issuer = issuer or pki.intermediate

    def answer(leaf, request):
        serial = openssl("x509", "-in", leaf.path, "-noout", "-serial").decode().strip()[7:]
        index = tmp_path / "index"
        index.write_text(f"V\t401231235959Z\t\t{serial}\tunknown\t/CN={leaf.name}\n")
        asked, answered = tmp_path / "asked.der", tmp_path / "answered.der"
        asked.write_bytes(request)
        openssl(
            "ocsp", "-index", index, "-CA", pki.intermediate.path, "-rsigner", issuer.path,
            "-rkey", issuer.key_path, "-reqin", asked, "-respout", answered, "-ndays", "4")
        return answered.read_bytes()
    return answer


def stapled(gateway, pki):
    """What openssl says of the handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
         "localhost", "-status", "-CAfile", pki.root.path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return done.stdout


def test_ocsp_responses_are_fetched_and_stapled(gateway, responder, pki, tmp_path):
    start_with_responder(gateway, responder, pki, tmp_path, answer_by_openssl(pki, tmp_path))
    until(lambda: "OCSP Response Status: successful" in stapled(gateway, pki), "a staple")
    assert "Cert Status: good" in stapled(gateway, pki)
    assert responder.asked == 1
    success = 'gateway_tls_ocsp_fetches_total{result="success"} 1'
    until(lambda: success in gateway.metrics(), "the success to be counted")
    # A restart has it at once, and asks nobody.
    text = gateway.file.read_text()
    gateway.end()
    gateway.start(text)
    assert "Cert Status: good" in stapled(gateway, pki)
    assert responder.asked == 1


def test_a_response_of_somebody_else_is_never_stapled(gateway, responder, pki, tmp_path):
    stranger = pki.make("Stranger", None, "authority")
    start_with_responder(
        gateway, responder, pki, tmp_path, answer_by_openssl(pki, tmp_path, issuer=stranger))
    failed = 'gateway_tls_ocsp_fetches_total{result="failure"} 1'
    until(lambda: failed in gateway.metrics(), "the failure to be counted")
    assert "OCSP response: no response sent" in stapled(gateway, pki)
    until(lambda: "not signed by the issuer" in gateway.output, "the reason in the log")


def test_a_responder_that_fails_costs_nothing_but_the_staple(gateway, responder, pki, tmp_path):
    start_with_responder(gateway, responder, pki, tmp_path, lambda leaf, request: b"")
    failed = 'gateway_tls_ocsp_fetches_total{result="failure"} 1'
    until(lambda: failed in gateway.metrics(), "the failure to be counted")
    assert curl("--cacert", pki.root.path, f"https://localhost:{gateway.port}/")[0] == 200
    until(lambda: "no OCSP response" in gateway.output, "the failure in the log")
