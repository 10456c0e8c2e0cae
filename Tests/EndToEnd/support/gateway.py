"""Starting, watching and ending the gateway's own program."""

import os
import signal
import subprocess
from pathlib import Path

from .waiting import accepts, free_port, until
from .wire import Client, get

ROOT = Path(__file__).resolve().parents[3]
RELOADED = "configuration reloaded"


def binary():
    if named := os.environ.get("GATEWAY_BINARY"):
        return Path(named).resolve()
    for kind in ("release", "debug"):
        if (path := ROOT / ".build" / kind / "gateway").exists():
            return path
    raise AssertionError("no gateway: build it, or name it in GATEWAY_BINARY")


def run_command(*arguments, cwd, environment=None):
    return subprocess.run(
        [binary(), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=30,
        env=environment
    )


def configuration(servers, *, listen, top="", upstream="", site=""):
    """The configuration most tests need: one site for all hosts in front of some servers."""
    lines = "\n".join(f"    server {server}" for server in servers)
    return f"""{top}
upstream app {{
{lines}
    {upstream}
}}
site * {{
    listen {listen}
    {site}
    proxy app
}}
"""


class Gateway:
    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "gateway.conf"
        self.port = free_port()
        self.metrics_port = free_port()
        self.process = None
        self._output = directory / "gateway.out"

    def start(self, text, environment=None, wait_for=None):
        """Starts it with a configuration, and waits until it accepts connections everywhere."""
        self.file.write_text(text)
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                [binary(), "run", "--config", self.file],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        # It binds one after the other, the metrics' last.
        first = wait_for or self.port
        named = [port for port in (self.port, self.metrics_port) if f"127.0.0.1:{port}" in text]
        for address in (first, *(port for port in named if port != first)):
            until(lambda: self._is_up(address), f"the gateway to listen on {address}")
        return self

    def start_before(self, *servers, **parts):
        """Starts it in front of some servers; the parts are those of `configuration`."""
        return self.start(self.configuration(*servers, **parts))

    def configuration(self, *servers, listen="", top="", upstream="", site=""):
        if "access_log" not in top:
            top = f"access_log off\n{top}"
        return configuration(
            servers,
            listen=f"127.0.0.1:{self.port} {listen}".rstrip(),
            top=f"metrics 127.0.0.1:{self.metrics_port}\n{top}",
            upstream=upstream,
            site=site,
        )

    def _is_up(self, address):
        if (status := self.process.poll()) is not None:
            raise AssertionError(f"the gateway ended with {status}:\n{self.output}")
        return accepts(address)

    @property
    def output(self):
        return self._output.read_text(errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self):
        return Client(self.port)

    def get(self, target="/", **fields):
        return get(self.port, target, **fields)

    def metrics(self):
        response = get(self.metrics_port, "/metrics")
        assert response.status == 200
        return response.text

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, text):
        self.file.write_text(text)
        self.signal(signal.SIGHUP)

    def reload_and_wait(self, text):
        """Reloads it, and waits until it says so: all its loops serve by the new file then."""
        before = self.output.count(RELOADED)
        self.reload(text)
        until(lambda: self.output.count(RELOADED) > before, "the new configuration")

    def wait_for_exit(self, seconds=15):
        status = self.process.wait(timeout=seconds)
        self.process = None
        return status

    def end(self):
        """Kills it. A gateway that has ended by itself, which no test asked for, is a failure."""
        if self.process is None:
            return
        status = self.process.poll()
        if status is None:
            self.process.kill()
            self.process.wait(timeout=10)
        assert status is None, f"the gateway ended by itself with {status}"
