"""Upstreams that answer before they have the whole request, and what must not follow from it."""

import signal
import socket
import statistics
import threading
import time
from pathlib import Path

import pytest

from support.gateway import run_command
from support.waiting import PATIENCE_SECONDS, until
from support.wire import Incomplete


def head_of(connection):
    """Reads a request's head and none of its content."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = connection.connection.recv(1)
        if not piece:
            raise Incomplete("no head")
        data += piece
    return data


def raw(gateway):
    client = socket.create_connection(("127.0.0.1", gateway.port))
    client.settimeout(PATIENCE_SECONDS)
    return client


def response_of(client):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return data
        data += piece
    return data


@pytest.mark.parametrize("memory", ["64m", "1m"])
def test_an_early_answer_to_a_buffered_upload_does_not_wait_for_the_rest(
    gateway, make_origin, memory
):
    """The upstream answers, keeps the connection and reads nothing more: neither may the gateway
    wait for it to read, nor may the next request go into what the upstream takes for content."""
    release = threading.Event()

    def script(connection):
        request = head_of(connection)
        if not request.startswith(b"POST"):
            connection.respond(b"fresh")
            return
        connection.respond(b"enough", status="401 Unauthorized")
        release.wait(30)

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1", site=f"buffer on memory={memory}")
    # It would come to nothing within the client's patience, which is half of the origin's.
    with gateway.client() as client:
        assert client.request("POST", "/", body=b"x" * 8_000_000).status == 401
    assert gateway.get("/next").body == b"fresh"
    release.set()


def test_an_upload_goes_on_while_the_response_has_begun(gateway, make_origin):
    size = 12_000_000

    def script(connection):
        head_of(connection)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        rest = size
        while rest > 0:
            piece = connection.connection.recv(65536)
            if not piece:
                return
            rest -= len(piece)
        connection.send(b"k")

    origin = make_origin(script)
    gateway.start_before(
        origin.address, top="workers 1\nlimit body=100m", site="buffer off\ntimeout response=10s"
    )
    client = raw(gateway)
    client.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    received = b""
    answer = threading.Event()

    def read():
        nonlocal received
        while not received.endswith(b"ok"):
            piece = client.recv(65536)
            if not piece:
                return
            received += piece
        answer.set()

    threading.Thread(target=read, daemon=True).start()
    until(lambda: received.endswith(b"\r\n\r\no"), "the response to begin")
    client.sendall(b"x" * size)
    assert answer.wait(PATIENCE_SECONDS), received


def test_an_interim_response_does_not_stop_a_long_upload(gateway, make_origin):
    """The response's clock starts when the request has been sent, not at the first interim one."""

    def script(connection):
        head_of(connection)
        connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        rest = 4_000_000
        while rest > 0:
            rest -= len(connection.connection.recv(65536)) or rest
        connection.respond(b"done")

    origin = make_origin(script)
    gateway.start_before(
        origin.address, top="workers 1", site="buffer off\ntimeout response=2s"
    )
    client = raw(gateway)
    client.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
    # A second longer than the response may take.
    for _ in range(8):
        client.sendall(b"x" * 500_000)
        time.sleep(0.4)
    received = b""
    while b"done" not in received:
        piece = client.recv(65536)
        assert piece, received
        received += piece
    assert b"HTTP/1.1 200" in received


def test_content_before_an_upgrade_belongs_to_the_request_alone(gateway, make_origin):
    seen = []

    def script(connection):
        connection.next_request()
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        )
        seen.append(connection.connection.recv(100))
        connection.send(b"bye")

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1")
    client = raw(gateway)
    client.sendall(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    assert b" 101 " in response_of(client)
    client.sendall(b"tunnelled")
    assert client.recv(100) == b"bye"
    client.close()
    assert seen == [b"tunnelled"]
    assert origin.requests[0].text == "hello"
    assert gateway.process.poll() is None


def test_http2_in_clear_text_is_no_way_around_the_gateway(gateway, make_origin):
    origin = make_origin()
    gateway.start_before(origin.address)
    response = gateway.get(
        "/", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABkAAQAAP__"
    )
    assert response.status == 200
    assert not any(name.lower() == "upgrade" for name, _ in origin.requests[0].fields)


def has_read(gateway, client):
    """Whether the gateway has taken everything that came off its socket (proc_net_tcp)."""
    ends = f"0100007F:{gateway.port:04X} 0100007F:{client.getsockname()[1]:04X}"
    for line in Path(f"/proc/{gateway.process.pid}/net/tcp").read_text().splitlines():
        if f" {ends} " in line:
            return line.split()[4].endswith(":00000000")
    return False


def test_smaller_limits_after_a_reload_meet_a_head_that_has_begun(gateway, origin):
    gateway.start_before(origin.address, top="workers 1\nlimit header_size=32k")
    client = raw(gateway)
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Long: abcdefgh\r\n" * 90 * 10)
    until(lambda: has_read(gateway, client), "the gateway to read the half of the head")
    gateway.reload_and_wait(
        gateway.configuration(origin.address, top="workers 1\nlimit header_size=4k"))
    client.sendall(b"X-Last: 1\r\n\r\n")
    assert response_of(client).startswith(b"HTTP/1.1 ")
    assert gateway.process.poll() is None


def test_connections_of_a_former_configuration_are_closed(gateway, make_origin):
    """A response that ends after a reload leaves its connection to nobody who cares for it."""
    going = threading.Event()

    def script(connection):
        while (request := connection.next_request()) is not None:
            if request.target == "/slow":
                going.wait(PATIENCE_SECONDS * 2)
            connection.respond(b"x")

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1")
    descriptors = Path(f"/proc/{gateway.process.pid}/fd")
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(gateway.get("/slow").status))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    origin.wait_for_requests(20)
    gateway.reload_and_wait(
        gateway.configuration(origin.address, top="workers 1", upstream="keepalive off"))
    going.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert results == [200] * 20

    def is_socket(entry):
        try:
            return "socket" in str(entry.readlink())
        except FileNotFoundError:
            return False  # Closed since the list was made.

    def sockets():
        return sum(map(is_socket, descriptors.iterdir()))

    until(lambda: sockets() < 10, "the connections to be closed")


def test_a_file_at_a_unix_listeners_path_is_not_removed(gateway, origin, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("data")
    gateway.file.write_text(
        f"site * {{\n listen 127.0.0.1:{gateway.port}\n listen unix:{precious}\n"
        f" proxy {origin.address}\n}}\n"
    )
    # Until it ends: for a moment it listens on the port.
    done = run_command("run", "--config", gateway.file, cwd=tmp_path)
    assert done.returncode != 0
    assert "cannot listen" in done.stderr + done.stdout
    assert precious.read_text() == "data"


def test_the_connection_limit_counts_all_workers(gateway, origin):
    gateway.start_before(origin.address, top="workers 2\nlimit connections=10")
    # Those count too that were made only to see whether it listens.
    until(lambda: "\ngateway_connections_open 0\n" in gateway.metrics(), "nobody to be there")
    clients = [raw(gateway) for _ in range(60)]
    served = 0
    for client in clients:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            served += response_of(client).startswith(b"HTTP/1.1 200")
        except OSError:
            pass
    assert served == 10


def test_what_the_end_cuts_off_is_logged(gateway, make_origin, tmp_path):
    def script(connection):
        connection.next_request()
        time.sleep(20)

    origin = make_origin(script)
    gateway.start_before(
        origin.address, top=f"workers 1\naccess_log {tmp_path}/log\ntimeout drain=1s"
    )
    client = raw(gateway)
    client.sendall(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
    origin.wait_for_requests(1)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_exit() == 0
    assert "/cut" in (tmp_path / "log").read_text()


def test_a_tunnel_that_never_rests_leaves_others_their_turn(gateway, make_origin):
    """Two ends that send and receive without pause keep the tunnel's loop busy for ever."""

    def script(connection):
        request = connection.next_request()
        if request.target != "/flood":
            connection.respond(b"x")
            return
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        )
        piece = b"y" * 1_000_000
        while True:
            connection.connection.sendall(piece)

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1")
    stop = threading.Event()
    client = raw(gateway)
    client.sendall(b"GET /flood HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")

    def read():
        try:
            while not stop.is_set() and client.recv(1_000_000):
                pass
        except OSError:
            pass  # Closed below, which is the end of the test.

    threading.Thread(target=read, daemon=True).start()
    times = []
    for _ in range(40):
        started = time.monotonic()
        assert gateway.get("/").status == 200
        times.append(time.monotonic() - started)
    stop.set()
    client.close()
    # Not the slowest: whatever else the machine does may make one of them wait.
    assert statistics.median(times) < 1
