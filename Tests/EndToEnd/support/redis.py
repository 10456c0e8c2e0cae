"""A real Redis that a test may stop, pause and start again."""

import os
import signal
import socket
import subprocess

from .waiting import accepts, free_port, until


class Redis:
    def __init__(self, directory, *options, port=None):
        self.directory = directory
        self.port = port or free_port()
        self.options = options
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        with (self.directory / f"redis-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", str(self.directory), *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until(lambda: accepts(self.port), "Redis to listen")

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            parts = [str(word).encode() for word in words]
            lines = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            connection.sendall(b"*%d\r\n" % len(parts) + lines)
            return connection.recv(1 << 20).decode(errors="replace")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.process = None


def is_installed():
    return any(os.access(os.path.join(folder, "redis-server"), os.X_OK)
               for folder in os.environ.get("PATH", "").split(os.pathsep))
