"""Waiting for conditions, always with a deadline, and finding free ports."""

import socket
import time

PATIENCE_SECONDS = 15.0


def until(condition, what, seconds=2 * PATIENCE_SECONDS):
    """Asks again until the condition gives something true, and returns that.

    With more patience than a connection has, so that the condition may wait for an answer.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return result


_given = set()
_kept = []


def free_port():
    """A port that nothing listens on now, and that no other test was given.

    Until the test ends it is kept by a socket that is bound and never listens: so the kernel gives
    it to nobody who asks for any port, an origin or a client, while a program that names it may
    listen there, as all do with SO_REUSEADDR.
    """
    while True:
        keeper = socket.socket()
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        _kept.append(keeper)
        port = keeper.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def give_up_ports():
    """Lets go of the ports that were kept; what listens on them goes on."""
    while _kept:
        _kept.pop().close()


def accepts(address):
    """Whether something accepts connections there: a port on 127.0.0.1, or a path."""
    try:
        connect(address, seconds=1).close()
    except OSError:
        return False
    return True


def connect(address, seconds=PATIENCE_SECONDS, source=None):
    """A connection there, from a certain address of this machine if it matters."""
    if isinstance(address, int):
        connection = socket.create_connection(
            ("127.0.0.1", address), timeout=seconds, source_address=source and (source, 0))
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
