"""HTTP/1.1 off a socket, strictly: the tests' own eyes, independent of any client."""

import re
from dataclasses import dataclass, field

from .waiting import connect

MAXIMUM_HEAD_BYTES = 1 << 20


class Incomplete(Exception):
    """The other side ended the connection before the message was whole."""


class Malformed(Exception):
    """Bytes that are not HTTP/1.1, or that two readers could understand differently."""


@dataclass
class Message:
    start: str
    fields: list
    body: bytes = b""
    complete: bool = True
    interim: list = field(default_factory=list)
    trailers: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def target(self):
        return self.start.split(" ")[1]

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def text(self):
        return self.body.decode("latin-1")


FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
REQUEST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP/1\.[01]")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] [0-9]{3} [\t\x20-\x7e\x80-\xff]*")


class Wire:
    """One end of a connection, with a buffer in front of it."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""
        self.received = b""
        self.keep_record = False

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def close(self):
        self.connection.close()

    def fill(self):
        data = self.connection.recv(1 << 16)
        if not data:
            raise Incomplete("end of stream")
        if self.keep_record:
            self.received += data
        self.buffer += data

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        result, self.buffer = self.buffer[:count], self.buffer[count:]
        return result

    def read_line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > MAXIMUM_HEAD_BYTES:
                raise Malformed("a line without end")
            self.fill()
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1] or b"\0" in line:
            raise Malformed(f"line ending or control character: {line!r}")
        return line[:-1]

    def read_to_end(self):
        """Everything until the other side closes; a reset ends it as well."""
        try:
            while True:
                self.fill()
        except (Incomplete, ConnectionResetError):
            result, self.buffer = self.buffer, b""
            return result

    def is_ended(self):
        """Waits for the other side to close without another byte."""
        return self.read_to_end() == b""

    def read_fields(self):
        fields = []
        while line := self.read_line():
            match = FIELD.fullmatch(line)
            if not match:
                raise Malformed(f"field {line!r}")
            fields.append(tuple(part.decode("latin-1") for part in match.groups()))
        return fields

    def read_head(self, start_line):
        start = self.read_line()
        if not start_line.fullmatch(start):
            raise Malformed(f"start line {start!r}")
        return Message(start.decode("latin-1"), self.read_fields())

    def read_request_head(self):
        message = self.read_head(REQUEST_LINE)
        if len(message.all("Host")) != 1:
            raise Malformed(f"{len(message.all('Host'))} Host fields")
        return message

    def read_request(self):
        message = self.read_request_head()
        self.read_body(message, ends_with_connection=False)
        return message

    def read_response(self, method="GET"):
        interim = []
        message = self.read_head(STATUS_LINE)
        while 100 <= message.status < 200 and message.status != 101:
            interim.append(message)
            message = self.read_head(STATUS_LINE)
        message.interim = interim
        if method == "HEAD" or message.status in (101, 204, 304):
            return message
        try:
            self.read_body(message, ends_with_connection=True)
        except (Incomplete, ConnectionResetError):
            message.complete = False
        return message

    def read_body(self, message, ends_with_connection):
        coding, lengths = message["Transfer-Encoding"], message.all("Content-Length")
        if coding is not None and lengths:
            raise Malformed("Transfer-Encoding with Content-Length")
        if coding is not None:
            if coding != "chunked":
                raise Malformed(f"Transfer-Encoding {coding!r}")
            self._read_chunks(message)
        elif lengths:
            if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
                raise Malformed(f"Content-Length {lengths!r}")
            self._read_counted(message, int(lengths[0]))
        elif ends_with_connection:
            self._read_until_close(message)

    def _read_counted(self, message, count):
        while len(self.buffer) < count:
            try:
                self.fill()
            except (Incomplete, ConnectionResetError):
                message.body = self.buffer
                raise
        message.body = self.read_exactly(count)

    def _read_chunks(self, message):
        while True:
            size = self.read_line()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
                raise Malformed(f"chunk size {size!r}")
            if int(size, 16) == 0:
                message.trailers = self.read_fields()
                return
            message.body += self.read_exactly(int(size, 16))
            if self.read_exactly(2) != b"\r\n":
                raise Malformed("chunk without its end")

    def _read_until_close(self, message):
        try:
            while True:
                self.fill()
        except Incomplete:
            message.body, self.buffer = self.buffer, b""
        except ConnectionResetError:
            message.body, self.buffer = self.buffer, b""
            raise


class Client(Wire):
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, address, source=None):
        super().__init__(connect(address, source=source))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, target="/", **fields):
        return self.request("GET", target, **fields)

    def request(self, method, target, body=None, **fields):
        lines = [f"{method} {target} HTTP/1.1", "Host: shop.example"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self.read_response(method)


def get(address, target="/", **fields):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.get(target, **fields)
