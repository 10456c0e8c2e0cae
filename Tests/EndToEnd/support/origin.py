"""An origin that does what a test's script says, right or wrong, and remembers its requests."""

import json
import socket
import struct
import threading

from .waiting import PATIENCE_SECONDS, until
from .wire import Incomplete, Malformed, Wire


class OriginConnection(Wire):
    """The origin's end of a connection from the gateway."""

    def __init__(self, connection, origin):
        super().__init__(connection)
        self.origin = origin
        self.keep_record = origin.keep_record

    def next_request(self):
        """The next request, or None when the gateway has closed the connection between two."""
        try:
            if not self.buffer:
                self.fill()
        except Incomplete:
            return None
        request = self.read_request()
        self.origin.requests.append(request)
        return request

    def respond(self, body=b"", status="200 OK", **fields):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reset(self):
        """Ends the connection with RST instead of FIN, as the kernel does for unread data."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def close_now(self):
        """Ends the connection from another thread, which may be waiting in it."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def echo(connection):
    """The default script: keeps the connection and says what it got."""
    while (request := connection.next_request()) is not None:
        description = {
            "method": request.method,
            "target": request.target,
            "fields": request.fields,
            "body": request.text,
            "origin": connection.origin.port,
        }
        connection.respond(json.dumps(description).encode(), Content_Type="application/json")


class Origin:
    def __init__(self, script=echo, path=None, keep_record=False):
        self.script = script
        self.keep_record = keep_record
        self.requests = []
        self.connections = []
        self.problems = []
        self._lock = threading.Lock()
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
            self.port = self._listener.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen(512)
            self.port, self.address = 0, f"unix:{path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_SECONDS * 4)
            wrapped = OriginConnection(connection, self)
            with self._lock:
                self.connections.append(wrapped)
            threading.Thread(target=self._serve, args=(wrapped,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.script(connection)
        except Malformed as problem:
            self.problems.append(str(problem))
        except (Incomplete, OSError):
            pass  # The gateway went away, which tests bring about on purpose.
        finally:
            connection.close()

    def wait_for_requests(self, count):
        until(lambda: len(self.requests) >= count, f"{count} requests at the origin")
        return self.requests[:count]

    def stop(self):
        """Refuses new connections and drops those there are."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for connection in self.connections:
                connection.close_now()
