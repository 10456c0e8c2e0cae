"""An origin for uploads: reads each request's body whole, then answers with its length.

nginx cannot do this: its `return` answers before the body has come, and a proxy then stops sending.
One thread on epoll, so that it is cheap beside the load generator. Content-Length only: every peer
passes it on, and a chunked request gets 411 so that the driver's check notices.
"""

import re
import select
import socket
import sys

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CHUNK = 1 << 20


def reply(status, body):
    return b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
        status, len(body), body)


class Connection:
    """Either collecting a head, or counting down a body."""

    def __init__(self, stream):
        self.stream, self.head, self.length, self.left = stream, b"", 0, 0

    def readable(self, scratch):
        """Takes what is there; false when the peer has closed."""
        while True:
            try:
                count = self.stream.recv_into(scratch)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            if count == 0:
                return False
            if self.left:
                self.left -= count
                if self.left <= 0:
                    self.answer()
            else:
                self.begin(self.head + bytes(scratch[:count]))

    def begin(self, data):
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return
        self.head = b""
        found = LENGTH.search(data[:end + 2])
        if found is None:
            has_body = b"transfer-encoding" in data[:end].lower()
            self.stream.send(reply(b"411 Length Required" if has_body else b"200 OK", b"0\n"))
            return
        self.length = int(found.group(1))
        if b"\r\nexpect:" in data[:end].lower():
            self.stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.left = self.length - (len(data) - end - 4)
        if self.left <= 0:
            self.answer()

    def answer(self):
        self.stream.send(reply(b"200 OK", b"%d\n" % self.length))
        self.left = 0


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    connections, scratch = {}, memoryview(bytearray(CHUNK))
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                stream, _ = listener.accept()
                stream.setblocking(False)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[stream.fileno()] = Connection(stream)
                poll.register(stream, select.EPOLLIN)
            elif not connections[descriptor].readable(scratch):
                connections.pop(descriptor).stream.close()


if __name__ == "__main__":
    main()
