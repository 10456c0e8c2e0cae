"""check, explain, reference and version."""

import pytest

from support.gateway import configuration, run_command
from support.waiting import free_port

GOOD = """trusted_proxies 10.0.0.0/8
upstream app {
    server 127.0.0.1:9
}
site shop.example {
    listen 127.0.0.1:8080
    route /static/* {
        proxy app
    }
    route /login method=POST {
        deny 192.0.2.0/24
        proxy app
    }
    route * {
        proxy app
    }
}
"""

BAD = """upstream app {
    server 127.0.0.1:9
    blance least_conn
}
site * {
    listen 127.0.0.1:8080
    listen 127.0.0.1:99999
    timeout header=10x
    proxy nowhere
"""


def check(tmp_path, text):
    (tmp_path / "gateway.conf").write_text(text)
    done = run_command("check", "--config", "gateway.conf", cwd=tmp_path)
    return done.returncode, done.stdout + done.stderr


def test_check_of_a_good_file(tmp_path):
    assert check(tmp_path, GOOD)[0] == 0


def test_check_reports_all_errors_with_place_line_and_caret(tmp_path):
    status, output = check(tmp_path, BAD)
    assert status == 1
    for line in (3, 7, 8):
        assert f"gateway.conf:{line}:" in output
    assert "balance" in output, "the nearest name"
    assert "    blance least_conn" in output, "the line itself"
    assert "^" in output


@pytest.mark.parametrize("text", [
    "site * {\n",
    "site * {\n    listen 127.0.0.1:1\n}}\n",
    "nonsense\n",
    "site * {\n    listen 127.0.0.1:1\n    respond 200 \"open\n}\n",
    "site * {\n    listen 127.0.0.1:1\n    proxy 127.0.0.1:2\n    proxy 127.0.0.1:3\n}\n",
    "site * {\n    listen 127.0.0.1:1\n    proxy ${MISSING_VARIABLE}\n}\n",
    "site a {\n    proxy 127.0.0.1:2\n}\n",
    "include missing-file.conf\nsite * {\n    listen 127.0.0.1:1\n    proxy 127.0.0.1:2\n}\n",
    "workers 0\nsite * {\n    listen 127.0.0.1:1\n    proxy 127.0.0.1:2\n}\n",
    "trusted_proxies 10.0.0.1/8x\nsite * {\n    listen 127.0.0.1:1\n    proxy 127.0.0.1:2\n}\n",
    "\0\xff\n",
    "{" * 5_000,
], ids=range(12))
def test_check_of_bad_files(tmp_path, text):
    status, output = check(tmp_path, text)
    assert status == 1
    assert "gateway.conf" in output


def test_check_of_a_missing_file(tmp_path):
    done = run_command("check", "--config", "nothing.conf", cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing.conf" in done.stderr + done.stdout


def test_a_dangerous_setting_is_a_warning(tmp_path):
    status, output = check(
        tmp_path, "trusted_proxies 0.0.0.0/0\nsite * {\n    listen 127.0.0.1:1\n"
                  "    proxy 127.0.0.1:2\n}\n")
    assert status == 0
    assert "warning" in output and "0.0.0.0/0" in output


def test_run_with_a_bad_file_does_not_start(tmp_path):
    (tmp_path / "gateway.conf").write_text(BAD)
    done = run_command("run", "--config", "gateway.conf", cwd=tmp_path)
    assert done.returncode != 0
    assert "gateway.conf:3:" in done.stderr + done.stdout


def test_run_on_an_address_that_is_taken_does_not_start(tmp_path, origin):
    (tmp_path / "gateway.conf").write_text(
        configuration(["127.0.0.1:9"], listen=origin.address))
    done = run_command("run", "--config", "gateway.conf", cwd=tmp_path)
    assert done.returncode != 0
    assert str(origin.port) in done.stderr + done.stdout


def explain(tmp_path, *arguments):
    (tmp_path / "gateway.conf").write_text(GOOD)
    done = run_command("explain", *arguments, "--config", "gateway.conf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_explain_names_site_route_client_and_upstream(tmp_path):
    output = explain(tmp_path, "GET", "http://shop.example/static/a.css", "--from", "203.0.113.9")
    for word in ("shop.example", "/static/*", "203.0.113.9", "app"):
        assert word in output


def test_explain_follows_trusted_proxies(tmp_path):
    output = explain(tmp_path, "GET", "http://shop.example/", "--from", "10.1.2.3",
                     "--header", "X-Forwarded-For: 198.51.100.7")
    assert "198.51.100.7" in output


def test_explain_shows_a_refusal(tmp_path):
    output = explain(tmp_path, "POST", "http://shop.example/login", "--from", "192.0.2.9")
    assert "403" in output


def test_explain_sends_nothing(tmp_path, origin):
    (tmp_path / "gateway.conf").write_text(
        configuration([origin.address], listen=f"127.0.0.1:{free_port()}"))
    done = run_command("explain", "GET", "http://any.example/", "--from", "203.0.113.9",
                       "--config", "gateway.conf", cwd=tmp_path)
    assert done.returncode == 0
    assert origin.connections == []


def test_reference_of_all_and_of_one(tmp_path):
    everything = run_command("reference", cwd=tmp_path)
    assert everything.returncode == 0
    for name in ("site", "route", "listen", "proxy", "upstream", "trusted_proxies", "timeout"):
        assert name in everything.stdout
    one = run_command("reference", "listen", cwd=tmp_path)
    assert one.returncode == 0
    assert "listen" in one.stdout and len(one.stdout) < len(everything.stdout)
    assert run_command("reference", "no_such_thing", cwd=tmp_path).returncode != 0


def test_version(tmp_path):
    done = run_command("version", cwd=tmp_path)
    assert done.returncode == 0
    assert any(character.isdigit() for character in done.stdout)
