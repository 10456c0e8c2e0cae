"""A gibibyte in each direction, in bounded memory."""

import hashlib
import threading

from support.wire import REQUEST_LINE, Client

GIBIBYTE = 1 << 30
PIECE = bytes(range(256)) * 4096
GROWTH_ALLOWED = 24 << 20


class MemoryWatch:
    """Samples the gateway's resident memory until the block ends."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.before = self.peak = gateway.resident_bytes()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, self.gateway.resident_bytes())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def check(self):
        growth = self.peak - self.before
        assert growth < GROWTH_ALLOWED, f"resident memory grew by {growth >> 20} MiB"


def receive_exactly(connection, count):
    """Takes bytes off a socket without keeping them; gives how many came and the last ones."""
    buffer = bytearray(1 << 20)
    total, last = 0, b""
    while total < count:
        length = connection.recv_into(buffer, min(len(buffer), count - total))
        if not length:
            break
        total += length
        last = bytes(buffer[:length])[-16:]
    return total, last


def send_gibibyte(connection):
    for _ in range(GIBIBYTE // len(PIECE)):
        connection.sendall(PIECE)


def download_script(connection):
    connection.next_request()
    connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {GIBIBYTE}\r\n\r\n")
    send_gibibyte(connection.connection)


def upload_script(connection):
    """Counts the body instead of keeping it, whichever way it is framed."""
    head = connection.read_head(REQUEST_LINE)
    total = 0
    if head["Content-Length"]:
        total = len(connection.buffer)
        rest, _ = receive_exactly(connection.connection, int(head["Content-Length"]) - total)
        total += rest
        connection.buffer = b""
    else:
        while size := int(connection.read_line(), 16):
            connection.read_exactly(size)
            total += size
            connection.read_exactly(2)
        connection.read_fields()
    connection.respond(str(total).encode())


def test_download(gateway, make_origin):
    gateway.start_before(make_origin(download_script).address)
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while b"\r\n\r\n" not in client.buffer:
            client.fill()
        head, rest = client.buffer.split(b"\r\n\r\n", 1)
        assert f"content-length: {GIBIBYTE}".encode() in head.lower()
        total, last = receive_exactly(client.connection, GIBIBYTE - len(rest))
    assert total + len(rest) == GIBIBYTE
    assert last == PIECE[-16:]
    memory.check()


def test_download_by_a_client_that_stops_reading_for_a_while(gateway, make_origin):
    """What the origin sends meanwhile must stay with the origin."""
    gateway.start_before(make_origin(download_script).address)
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert receive_exactly(client.connection, 1 << 20)[0] == 1 << 20
        threading.Event().wait(1)
        assert receive_exactly(client.connection, 64 << 20)[0] == 64 << 20
    memory.check()


def upload(gateway, framing):
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.connection.settimeout(120)
        if framing == "length":
            client.send(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {GIBIBYTE}\r\n\r\n")
            send_gibibyte(client.connection)
        else:
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"%x\r\n" % len(PIECE) + PIECE + b"\r\n"
            for _ in range(GIBIBYTE // len(PIECE)):
                client.connection.sendall(chunk)
            client.send("0\r\n\r\n")
        response = client.read_response()
    assert (response.status, response.body) == (200, str(GIBIBYTE).encode())
    memory.check()


def test_upload_streamed(gateway, make_origin):
    gateway.start_before(make_origin(upload_script).address, site="limit body=2g\n    buffer off")
    upload(gateway, "length")


def test_upload_streamed_in_chunks(gateway, make_origin):
    gateway.start_before(make_origin(upload_script).address, site="limit body=2g\n    buffer off")
    upload(gateway, "chunked")


def test_upload_buffered_goes_to_a_file_not_to_memory(gateway, make_origin):
    gateway.start_before(make_origin(upload_script).address, upstream="profile gunicorn",
                         site="limit body=2g")
    upload(gateway, "length")


def test_download_and_upload_of_real_apps(app_gateway):
    body = PIECE * 8
    with Client(app_gateway.port) as client:
        response = client.request("POST", "/echo", body=body)
    assert response.status == 200
    assert hashlib.sha256(body).hexdigest() in response.text
