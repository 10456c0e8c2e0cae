"""Real app servers, each in a process group of its own."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

from .gateway import ROOT
from .waiting import accepts, free_port, until

EXAMPLE = ROOT / "Examples" / "flask"
SUPPORT = Path(__file__).parent


class Backend:
    def __init__(self, name, command, address, directory, listens_on):
        self.name = name
        self.address = address
        self._output = directory / f"{name}.out"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
        try:
            until(lambda: self._is_up(listens_on), f"{name} to listen", 60)
        except BaseException:
            self.kill()
            raise

    def _is_up(self, address):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self._output.read_text()}")
        return accepts(address)

    def kill(self):
        """SIGKILL to the server and all its workers."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(timeout=10)


def gunicorn(directory, *options, name="gunicorn", module="app:app", folder=EXAMPLE):
    path = directory / f"{name}.sock"
    command = [sys.executable, "-m", "gunicorn", "--chdir", folder, "--bind", f"unix:{path}",
               "--no-control-socket", *options, module]
    return Backend(name, command, f"unix:{path}", directory, path)


def uwsgi(directory):
    """Debian's uWSGI, which brings its own interpreter; the app's packages are this one's."""
    path = directory / "uwsgi.sock"
    command = ["uwsgi", "--plugin", "python3", "--http-socket", path, "--master", "--processes", 2,
               "--need-app", "--die-on-term", "--pythonpath", sysconfig.get_path("purelib"),
               "--pythonpath", EXAMPLE, "--module", "app:app"]
    return Backend("uwsgi", command, f"unix:{path}", directory, path)


def uvicorn(directory):
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", SUPPORT, "--host", "127.0.0.1",
               "--port", port, "--ws", "websockets-sansio", "--no-server-header", "asgi_app:app"]
    return Backend("uvicorn", command, f"127.0.0.1:{port}", directory, port)


def node(directory):
    port = free_port()
    return Backend("node", ["node", SUPPORT / "node_app.js", port], f"127.0.0.1:{port}", directory,
                   port)
