"""Rate limits over real sockets: what is let through, what is told, and what a reload keeps."""

import json
import re
import threading
import time

import pytest

from support.gateway import run_command
from support.waiting import until
from support.wire import Client, get


def statuses(port, count):
    """One request after the other on one connection."""
    with Client(port) as client:
        return [client.get().status for _ in range(count)]


def metric(gateway, name, *labels):
    total = 0.0
    for line in gateway.metrics().splitlines():
        if re.match(rf"{name}[ {{]", line) and all(label in line for label in labels):
            total += float(line.rsplit(" ", 1)[1])
    return total


def test_many_clients_at_once_get_exactly_the_burst(gateway, origin):
    gateway.start_before(origin.address, top="workers 2", site="rate_limit 1/h burst=50")
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(statuses(gateway.port, 20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(200) == 50
    assert results.count(429) == 110
    assert metric(gateway, "gateway_rate_limit_decisions_total", 'outcome="refused"') == 110


def test_a_refusal_tells_what_and_when(gateway, origin):
    gateway.start_before(origin.address, site="rate_limit 2/m name=minute")
    with gateway.client() as client:
        assert client.get()["RateLimit"] == '"minute";r=1;t=30'
        assert client.get().status == 200
        refused = client.get()
        assert refused.status == 429
        assert 1 <= int(refused["Retry-After"]) <= 30
        assert refused["RateLimit-Policy"] == '"minute";q=2;w=60'
        problem = json.loads(refused.text)
        assert problem["type"].endswith("#quota-exceeded")
        assert problem["violated-policies"] == ["minute"]
        assert problem["status"] == 429


def test_after_retry_after_it_passes(gateway, origin):
    # Long enough for the second request to come too early, however slow this machine is.
    gateway.start_before(origin.address, site="rate_limit 20/m burst=1")
    with gateway.client() as client:
        assert client.get().status == 200
        refused = client.get()
        assert refused.status == 429
        time.sleep(float(refused["Retry-After"]))
        assert client.get().status == 200


def test_a_reload_keeps_counters_of_what_means_the_same(gateway, origin):
    text = gateway.configuration(origin.address, site="rate_limit 3/h name=n")
    gateway.start(text)
    assert statuses(gateway.port, 3) == [200, 200, 200]
    gateway.reload(text.replace("name=n", "name=n status=503"))
    until(lambda: statuses(gateway.port, 1) == [503], "the new status")
    gateway.reload(text.replace("3/h", "4/h"))
    until(lambda: statuses(gateway.port, 1) == [200], "the new limit")


def replace(path, text):
    """Writes a file in one go: nobody reads it while it is empty."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_a_file_of_rates_is_read_again_when_it_changes(gateway, origin):
    rates = gateway.directory / "rates.txt"
    rates.write_text("alice 2/h\n")
    gateway.start_before(
        origin.address, site="rate_limit 1/h key=header:x-user rates=rates.txt\n"
                             "    rate_limit 1000/s")

    def ask(user):
        with gateway.client() as client:
            return client.get(X_User=user).status

    assert [ask("alice") for _ in range(3)] == [200, 200, 429]
    replace(rates, "alice off\n")
    until(lambda: ask("alice") == 200, "the new file")
    assert [ask("alice") for _ in range(5)] == [200] * 5
    replace(rates, "alice nonsense\n")
    until(lambda: "a file of rates is faulty" in gateway.output, "the complaint")
    assert ask("alice") == 200


def test_requests_at_once_wait_in_a_queue_across_loops(gateway, make_origin):
    lock, inside, most = threading.Lock(), [0], [0]

    def script(connection):
        while connection.next_request():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            with lock:
                inside[0] -= 1
            connection.respond(b"ok")

    slow = make_origin(script)
    gateway.start_before(
        slow.address, top="workers 2", site="concurrency_limit 3 queue=100 wait=10s")
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(statuses(gateway.port, 3)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 48
    assert most[0] <= 3
    assert metric(gateway, "gateway_concurrency_limit_in_flight") == 0


def test_random_addresses_of_one_slash_64_are_one_client(gateway, origin):
    gateway.start_before(
        origin.address, top="trusted_proxies 127.0.0.0/8", site="rate_limit 5/h")
    with gateway.client() as client:
        results = [
            client.get(X_Forwarded_For=f"2001:db8:1:2:{number:x}::{number:x}").status
            for number in range(1, 200)
        ]
    assert results.count(200) == 5
    assert metric(gateway, "gateway_rate_limit_keys") == 1


@pytest.mark.parametrize("algorithm", ["token_bucket", "sliding_window", "sliding_log",
                                       "fixed_window"])
def test_each_algorithm_lets_its_limit_through(gateway, origin, algorithm):
    # Of a day: the end of a window seldom comes between.
    gateway.start_before(origin.address, site=f"rate_limit 7/d algorithm={algorithm}")
    assert statuses(gateway.port, 9) == [200] * 7 + [429] * 2


TOKEN = "0123456789abcdef-control"


def test_top_show_and_reset_of_a_running_gateway(gateway, origin):
    """A customer is locked out at three in the morning: who is it, and how does it go on?"""
    text = gateway.configuration(
        origin.address,
        top="trusted_proxies 127.0.0.0/8\nworkers 2",
        site="rate_limit 2/h name=hourly; rate_limit 100/h key=header:x-api-key name=keys",
    ).replace(f":{gateway.metrics_port}", f":{gateway.metrics_port} control_token={TOKEN}")
    gateway.start(text)

    def command(*arguments, status=0):
        run = run_command("limits", *arguments, "--config", gateway.file, cwd=gateway.directory)
        assert run.returncode == status, run.stderr
        return run.stdout if status == 0 else run.stderr

    def ask(address, key="0123456789abcdef-customer"):
        fields = {"X-Forwarded-For": address, "X-Api-Key": key}
        with gateway.client() as client:
            return client.get("/", **fields).status

    assert [ask("203.0.113.7") for _ in range(5)] == [200, 200, 429, 429, 429]
    assert [ask("203.0.113.8") for _ in range(3)] == [200, 200, 429]
    rows = json.loads(command("top", "--json", "--limit", "hourly"))
    assert [(row["key"], row["refused"], row["remaining"]) for row in rows[:2]] == [
        ("203.0.113.7", 3, 0), ("203.0.113.8", 1, 0)]
    table = command("top")
    assert table.startswith("POLICY") and "203.0.113.7" in table
    # No one who reads over a shoulder learns a customer's key.
    assert "customer" not in table and "customer" not in command("top", "--by", "allowed")
    assert "203.0.113.7" in command("show", "203.0.113.7")
    assert json.loads(command("show", "--json", "0123456789abcdef-customer"))[0]["remaining"] == 96
    assert command("reset", "203.0.113.7") == "reset: hourly\n"
    assert [ask("203.0.113.7"), ask("203.0.113.8")] == [200, 429]
    other = next(row["id"] for row in rows if row["key"] == "203.0.113.8")
    assert command("reset", "--limit", "hourly", "--id", other) == "reset: hourly\n"
    assert ask("203.0.113.8") == 200
    assert command("reset", "192.0.2.1") == "nothing was counted for it here\n"
    assert "there are: hourly, keys" in command("top", "--limit", "daily", status=1)


def test_limits_are_shown_to_those_with_the_token_only(gateway, origin):
    text = gateway.configuration(origin.address, site="rate_limit 2/h")
    gateway.start(text)
    assert get(gateway.metrics_port, "/limits/top").status == 404
    address = f"127.0.0.1:{gateway.metrics_port}"
    gateway.reload(text.replace(address, f"{address} control_token={TOKEN}"))
    until(lambda: get(gateway.metrics_port, "/limits/top").status == 401, "the token")
    for wrong in ("Bearer x", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}x"):
        assert get(gateway.metrics_port, "/limits/top", Authorization=wrong).status == 401
    answer = get(gateway.metrics_port, "/limits/top", Authorization=f"Bearer {TOKEN}")
    assert (answer.status, json.loads(answer.text)) == (200, [])
    run = run_command("limits", "top", "--config", gateway.file, cwd=gateway.directory)
    assert run.returncode == 0 and run.stdout.startswith("POLICY")


def test_two_sync_workers_are_never_drowned(gateway, make_origin):
    """concurrency=auto finds how many an app with two workers can have at once."""
    workers, lock, inside, samples = threading.Semaphore(2), threading.Lock(), [0], []

    def script(connection):
        while connection.next_request() is not None:
            with lock:
                inside[0] += 1
                samples.append((time.monotonic(), inside[0]))
            # Long beside what a busy machine adds to it, which looks as if others were served.
            with workers:
                time.sleep(0.05)
            with lock:
                inside[0] -= 1
            connection.respond(b"x")

    origin = make_origin(script)
    text = gateway.configuration(origin.address, upstream="keepalive connections=64")
    gateway.start(text.replace("upstream app {", "upstream app concurrency=auto {"))
    end, answers = time.monotonic() + 6, []

    def ask():
        with gateway.client() as client:
            while time.monotonic() < end:
                answers.append(client.get().status)

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Without it, all 24 would be there at once.
    late = [count for when, count in samples if when > end - 3]
    assert late and max(late) <= 12, max(late)
    assert set(answers) <= {200, 503}
    # The workers were kept busy: forty requests a second is all that two can do.
    assert answers.count(200) > 6 * 40 / 3
    assert metric(gateway, "gateway_upstream_concurrency_limit") <= 12
