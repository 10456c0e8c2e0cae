"""Waiting for conditions, always with a deadline, and finding free ports."""

import socket
import time

PATIENCE_SECONDS = 15.0


def until(condition, what, seconds=PATIENCE_SECONDS):
    """Asks again until the condition gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return result


_given = set()


def free_port():
    """A port that nothing listens on now, and that no other test was given."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def accepts(address):
    """Whether something accepts connections there: a port on 127.0.0.1, or a path."""
    try:
        connect(address, seconds=1).close()
    except OSError:
        return False
    return True


def connect(address, seconds=PATIENCE_SECONDS):
    if isinstance(address, int):
        connection = socket.create_connection(("127.0.0.1", address), timeout=seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection
