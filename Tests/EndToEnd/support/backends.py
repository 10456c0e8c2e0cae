"""Real app servers, each in a process group of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from .gateway import ROOT
from .waiting import accepts, free_port, until

EXAMPLE = ROOT / "Examples" / "flask"


class Backend:
    def __init__(self, name, command, address, directory, listens_on):
        self.name = name
        self.address = address
        self._output = directory / f"{name}.out"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *map(str, command)],
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
    command = ["gunicorn", "--chdir", folder, "--bind", f"unix:{path}", "--no-control-socket",
               *options, module]
    return Backend(name, command, f"unix:{path}", directory, path)


def uvicorn(directory):
    port = free_port()
    command = ["uvicorn", "--app-dir", Path(__file__).parent, "--host", "127.0.0.1", "--port", port,
               "--ws", "websockets-sansio", "--no-server-header", "asgi_app:app"]
    return Backend("uvicorn", command, f"127.0.0.1:{port}", directory, port)
