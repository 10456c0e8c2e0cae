"""The access log in its three formats, and its reopening."""

import json
import re
import signal

import pytest

from support.waiting import until

COMMON = re.compile(
    r'(\S+) \S+ \S+ \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "([^"]*)" (\d{3}) (\d+|-)')
COMBINED = re.compile(COMMON.pattern + r' "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


def lines(path, count):
    def enough():
        if not path.exists():
            return None
        found = path.read_text().split("\n")
        return found[:-1] if len(found) > count else None

    return until(enough, f"{count} lines in {path.name}")


@pytest.fixture
def logged(gateway, origin, tmp_path):
    def start(format):
        gateway.start_before(origin.address, top=f"access_log access.log format={format}")
        return tmp_path / "access.log"

    return start


def test_common(gateway, logged):
    path = logged("common")
    gateway.get("/a?b=c")
    match = COMMON.fullmatch(lines(path, 1)[0])
    assert match
    assert match[1] == "127.0.0.1"
    assert (match[3], match[4]) == ("GET /a?b=c HTTP/1.1", "200")
    assert int(match[5]) > 0


def test_combined(gateway, logged):
    path = logged("combined")
    gateway.get("/", Referer="http://from.example/", User_Agent='a "quoted" agent')
    match = COMBINED.fullmatch(lines(path, 1)[0])
    assert match
    assert match[6] == "http://from.example/"
    assert "quoted" in match[7]


def test_json(gateway, logged):
    path = logged("json")
    response = gateway.get("/a?b=c", User_Agent="agent")
    entry = json.loads(lines(path, 1)[0])
    assert entry["client"] == "127.0.0.1"
    assert (entry["method"], entry["target"], entry["status"]) == ("GET", "/a?b=c", 200)
    assert entry["request_id"] == response["X-Request-ID"]
    assert entry["upstream"] == "app"
    assert 0 <= entry["upstream_ms"] <= entry["duration_ms"] < 10_000
    assert entry["user_agent"] == "agent"


@pytest.mark.parametrize("format", ["common", "combined", "json"])
def test_no_client_can_write_a_line_of_its_own(gateway, logged, format):
    path = logged(format)
    gateway.get("/%0A%0D127.0.0.1?\"x\\", User_Agent="a\t\x80\xff\"\\u0000", Referer='"} {"x":"')
    gateway.get("/second")
    written = lines(path, 2)
    assert len(written) == 2
    for line in written:
        assert line.isprintable()
        if format == "json":
            json.loads(line)
        elif format == "combined":
            assert COMBINED.fullmatch(line)
        else:
            assert line.count('"') >= 2


@pytest.mark.parametrize("raw, status", [
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
])
def test_rejected_requests_are_logged(gateway, logged, raw, status):
    path = logged("json")
    with gateway.client() as client:
        client.send(raw)
        assert client.read_response().status == status
    assert json.loads(lines(path, 1)[0])["status"] == status


def test_every_request_is_one_line(gateway, logged):
    path = logged("json")
    with gateway.client() as client:
        for number in range(200):
            assert client.get(f"/{number}").status == 200
    targets = [json.loads(line)["target"] for line in lines(path, 200)]
    assert sorted(targets) == sorted(f"/{number}" for number in range(200))


def test_sigusr1_reopens_a_renamed_file(gateway, logged, tmp_path):
    path = logged("json")
    gateway.get("/first")
    lines(path, 1)
    moved = tmp_path / "access.log.1"
    path.rename(moved)
    gateway.signal(signal.SIGUSR1)
    until(path.exists, "the new file")
    gateway.get("/second")
    assert json.loads(lines(path, 1)[0])["target"] == "/second"
    assert [json.loads(line)["target"] for line in moved.read_text().splitlines()] == ["/first"]


def test_a_log_that_cannot_be_written_costs_no_request(gateway, origin):
    gateway.start_before(origin.address, top="access_log /dev/full format=json")
    for number in range(200):
        assert gateway.get(f"/{number}").status == 200

    def lost():
        return any("log" in line and not line.startswith("#") and float(line.split()[-1]) > 0
                   and ("lost" in line or "dropped" in line)
                   for line in gateway.metrics().splitlines())

    until(lost, "the lost lines in the metrics")


def test_the_log_is_complete_after_a_drain(gateway, logged):
    path = logged("json")
    for number in range(50):
        gateway.get(f"/{number}")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_exit() == 0
    assert len(path.read_text().splitlines()) == 50


def test_a_request_without_a_route_is_the_sites_to_log_and_to_answer(gateway, tmp_path):
    page = tmp_path / "404.html"
    page.write_text("nothing of ours")
    gateway.start(f"""
        metrics 127.0.0.1:{gateway.metrics_port}
        access_log off
        site * {{
            listen 127.0.0.1:{gateway.port}
            trusted_proxies 127.0.0.0/8
            access_log access.log format=json
            error_page 404 {page}
            route /here method=POST {{ respond 200 }}
        }}
        """)
    missing = gateway.get("/there", X_Forwarded_For="203.0.113.7")
    assert (missing.status, missing.text) == (404, "nothing of ours")
    other = gateway.get("/here")
    assert (other.status, other["Allow"]) == (405, "POST")
    # Two connections may be served by two loops, whose lines reach the file in either order.
    records = {record["target"]: record for record in map(
        json.loads, lines(tmp_path / "access.log", 2))}
    assert {target: record["status"] for target, record in records.items()} == {
        "/there": 404, "/here": 405}
    assert records["/there"]["client"] == "203.0.113.7"
