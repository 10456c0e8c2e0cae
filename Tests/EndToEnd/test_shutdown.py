"""SIGTERM and SIGINT drain, a second one stops at once; and what systemd is told."""

import os
import signal
import socket
import subprocess
import threading

import pytest

from support.gateway import binary
from support.waiting import accepts, until
from support.wire import get


@pytest.fixture
def held(gateway, make_origin):
    """A gateway with one request in flight, and what lets that request end."""
    release = threading.Event()

    def script(connection):
        connection.next_request()
        if release.wait(60):
            connection.respond(b"finished")

    origin = make_origin(script)
    gateway.start_before(origin.address)
    client = gateway.client()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    origin.wait_for_requests(1)
    yield client, release
    release.set()
    client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain(gateway, held, number):
    client, release = held
    gateway.signal(number)
    until(lambda: not accepts(gateway.port), "the listener to close")
    assert gateway.process.poll() is None, "it must wait for the request in flight"
    release.set()
    response = client.read_response()
    assert (response.status, response.body) == (200, b"finished")
    assert response["Connection"].lower() == "close"
    assert client.is_ended()
    assert gateway.wait_for_exit() == 0


def test_idle_connections_do_not_hold_up_a_drain(gateway, origin):
    gateway.start_before(origin.address)
    clients = [gateway.client() for _ in range(20)]
    for client in clients[:10]:
        assert client.get().status == 200
    # The kernel keeps those that say nothing to itself for a second.
    until(lambda: "\ngateway_connections_open 20\n" in gateway.metrics(), "the silent ones")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_exit() == 0
    assert all(client.is_ended() for client in clients)


def test_a_second_signal_stops_at_once(gateway, held):
    client, _ = held
    gateway.signal(signal.SIGTERM)
    until(lambda: not accepts(gateway.port), "the listener to close")
    gateway.signal(signal.SIGTERM)
    # Long before the request in flight, and the drain, would have ended.
    gateway.wait_for_exit()
    assert client.is_ended(), "nothing that looks like an answer"


def test_readiness_ends_before_the_process_does(gateway, held):
    _, release = held
    # It listens a moment before it says that it is ready.
    until(lambda: get(gateway.metrics_port, "/readyz").status == 200, "readiness")
    assert get(gateway.metrics_port, "/livez").status == 200
    gateway.signal(signal.SIGTERM)

    def not_ready():
        try:
            return get(gateway.metrics_port, "/readyz").status == 503
        except OSError:
            return True

    until(not_ready, "readiness to end")
    release.set()
    assert gateway.wait_for_exit() == 0


def test_a_drain_leaves_the_unix_socket_path_free(gateway, origin, tmp_path):
    path = tmp_path / "g.sock"
    text = gateway.configuration(origin.address, site=f"listen unix:{path}")
    gateway.start(text, wait_for=path)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_exit() == 0
    gateway.start(text, wait_for=path)


def test_systemd_is_told(gateway, origin, tmp_path):
    path = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(10)

        def message_with(text):
            while text not in (message := notify.recv(4096).decode()):
                pass
            return message

        gateway.start(gateway.configuration(origin.address),
                      environment={"NOTIFY_SOCKET": str(path)})
        message_with("READY=1")
        gateway.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in message_with("RELOADING=1")
        message_with("READY=1")
        gateway.signal(signal.SIGTERM)
        message_with("STOPPING=1")
        assert gateway.wait_for_exit() == 0


def test_as_the_first_process_of_a_container(gateway, origin):
    """A first process has no default signal actions, so it must have its own."""
    gateway.file.write_text(gateway.configuration(origin.address))
    unshare = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, timeout=10).returncode != 0:
        pytest.skip("this machine does not allow PID namespaces")
    process = subprocess.Popen([*unshare, binary(), "run", "--config", gateway.file],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: accepts(gateway.port), "the gateway to listen")
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children) as file:
            child = int(file.read().split()[0])
        assert gateway.get().status == 200
        os.kill(child, signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
