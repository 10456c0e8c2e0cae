"""What `gateway check` says of TLS: all that `gateway run` refuses, each at its place."""

import re
import subprocess

import pytest

from support import certificates
from support.gateway import run_command
from support.waiting import free_port, until


@pytest.fixture
def folder(tmp_path):
    certificates.make(tmp_path, "a")
    certificates.make(tmp_path, "b")
    certificates.make(tmp_path, "r", "rsa")
    return tmp_path


def check(folder, text):
    (folder / "gateway.conf").write_text(text.replace("PORT", str(free_port())))
    return run_command("check", "--config", "gateway.conf", cwd=folder)


def both(folder, text):
    """What `check` and `run` say, which has to be the same."""
    checked = check(folder, text)
    started = run_command("run", "--config", "gateway.conf", cwd=folder)
    assert (checked.returncode, started.returncode) == (1, 1), checked.stderr + started.stderr
    assert "good" not in checked.stdout
    errors = re.findall(r"^gateway.conf:\d+:\d+: error: .*$", checked.stderr, re.MULTILINE)
    for error in errors:
        assert error in started.stderr
    return errors


SITE = """site a.test {
    listen 127.0.0.1:PORT tls
    certificate a.pem a.key
    respond 200 x
    OPTIONS
}
"""


def site(options):
    return SITE.replace("OPTIONS", options)


def test_a_cipher_suite_beside_a_key_log(folder):
    errors = both(folder, "tls keylog=keys\n" + site("tls ciphers=FOO"))
    assert errors == [
        "gateway.conf:6:17: error: tls: OpenSSL knows no cipher suite of 'FOO'"]


def test_the_check_makes_no_key_log(folder):
    assert check(folder, "tls keylog=keys\n" + site("")).returncode == 0
    assert not (folder / "keys").exists()


def test_a_cipher_suite_beside_a_certificate_that_is_made_at_the_start(folder):
    other = """site b.test {
    listen 127.0.0.1:PORT tls
    certificate internal
    tls groups=nonsense
    respond 204
}
"""
    assert both(folder, "state state\n" + site("tls ciphers=FOO") + other) == [
        "gateway.conf:6:17: error: tls: OpenSSL knows no cipher suite of 'FOO'",
        "gateway.conf:11:16: error: tls: OpenSSL does not know all groups of 'nonsense'",
    ]


def test_authorities_beside_a_key_log(folder):
    errors = both(
        folder, "tls keylog=keys\n" + site("client_certificate required missing.pem a.key a.pem"))
    assert errors == [
        "gateway.conf:6:5: error: client_certificate: 'missing.pem' cannot be read: No such file "
        "or directory",
        "gateway.conf:6:5: error: client_certificate: 'a.key' holds no certificate in PEM form",
    ]


def test_a_key_log_that_cannot_be_made(folder):
    assert both(folder, "tls keylog=/nonexistent/x/k\n" + site("")) == [
        "gateway.conf:1:12: error: tls: keylog: '/nonexistent/x': No such file or directory"]


def test_a_state_that_cannot_be_made(folder):
    text = "state /proc/nope\n" + site("").replace("a.pem a.key", "internal")
    (error,) = both(folder, text)
    assert "gateway.conf:1:" in error
    assert "error: state: '/proc/nope/internal' cannot be used: " in error


def test_a_state_that_can_be_made_is_not_made(folder):
    text = "state new/state\n" + site("").replace("a.pem a.key", "internal")
    assert check(folder, text).returncode == 0
    assert not (folder / "new").exists() and not list(folder.glob(".gateway*"))


def test_a_missing_ocsp_response_is_spoken_of_with_its_place(folder):
    done = check(folder, site("").replace("a.key", "a.key ocsp=none.der"))
    assert re.search(r"gateway.conf:3:5: \w+: certificate: .*none.der", done.stderr)


def test_everything_in_one_go(folder):
    text = site("tls ciphers=FOO groups=nonsense").replace("a.key", "b.key") + """
ticket_keys a.pem
upstream app {
    server 127.0.0.1:1 tls
    tls ca=missing.pem certificate=b.pem key=a.key
}
site b.test {
    listen 127.0.0.1:PORT tls
    certificate absent.pem absent.key
    proxy app
}
"""
    errors = both(folder, text)
    places = [re.match(r"gateway.conf:(\d+):(\d+)", error).groups() for error in errors]
    assert sorted(places) == sorted([
        ("3", "5"), ("5", "17"), ("5", "28"), ("8", "13"), ("11", "5"), ("11", "5"), ("15", "5")])


def test_two_certificates_of_one_kind(folder):
    two = "certificate b.pem b.key\n    certificate r.pem r.key"
    (error,) = both(folder, site(two))
    assert error.startswith("gateway.conf:5:5: error: certificate: ")
    assert "are both ECDSA: only the last would be shown" in error


def test_dangerous_and_dead_cipher_suites(folder):
    (error,) = both(folder, site("tls ciphers=ALL:aNULL:eNULL"))
    assert "gateway.conf:5:17: error: tls: 'ADH-" in error
    assert "is without authentication" in error
    done = check(folder, site("tls ciphers=ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-SHA"))
    assert done.returncode == 0
    assert "gateway.conf:5:17: warning: tls: no cipher suite fits a certificate" in done.stderr
    done = check(folder, site("tls ciphers=ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA"))
    assert done.returncode == 0
    assert "gateway.conf:5:17: warning: tls: 'AES128-SHA' has no forward secrecy" in done.stderr


def test_a_curve_that_no_client_takes(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=a.test", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:secp256k1", "-keyout", "a.key", "-out", "a.pem"],
        cwd=folder, check=True, capture_output=True, timeout=60)
    done = check(folder, site(""))
    assert "has a key on the curve 'secp256k1', which clients do not take" in done.stderr


def test_a_chain_that_is_turned_round(folder):
    turned = (folder / "b.pem").read_text() + (folder / "a.pem").read_text()
    (folder / "a.pem").write_text(turned)
    (error,) = both(folder, site(""))
    assert "is out of order: the key in " in error
    assert "fits certificate 2, which must come first" in error


def test_an_upstream_is_summed_up(folder):
    done = check(folder, """
upstream app {
    server 127.0.0.1:1 tls
    tls ca=a.pem name=app.internal
}
site * { listen 127.0.0.1:PORT; proxy app }
""")
    assert "upstream app: 127.0.0.1:1 tls\n  tls: verified as 'app.internal', by " in done.stdout


def test_a_reload_says_the_same(gateway, folder):
    text = f"""site a.test {{
    listen 127.0.0.1:{gateway.port} tls
    certificate {folder}/a.pem {folder}/a.key
    respond 200 x
}}
"""
    gateway.start(text)
    gateway.reload(text.replace("respond", "tls ciphers=FOO groups=BAR\n    respond"))
    until(lambda: "the running one stays" in gateway.output, "the reload to fail")
    for place in ("gateway.conf:4:17: error: tls: OpenSSL knows no cipher suite of 'FOO'",
                  "gateway.conf:4:28: error: tls: OpenSSL does not know all groups of 'BAR'"):
        assert place in gateway.output


def test_the_files_of_redis(folder):
    shared = "redis rediss://127.0.0.1:1 ca=missing.pem\nrate_limit 1/s\n"
    (error,) = both(folder, shared + site(""))
    assert "gateway.conf:1:1: error: redis: " in error
    assert "missing.pem' cannot be read: No such file or directory" in error
