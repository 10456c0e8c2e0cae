"""How connections come: with their first bytes, or at once where the file says so."""

import socket
import time

from support.waiting import until

ESTABLISHED, SYN_RECEIVED = "01", "03"


def kernel_state(client):
    """What the kernel knows of the gateway's end of a connection on 127.0.0.1."""
    ports = (client.getpeername()[1], client.getsockname()[1])
    ends = [f"0100007F:{port:04X}" for port in ports]
    with open("/proc/net/tcp", encoding="ascii") as table:
        states = [row.split()[3] for row in table if row.split()[1:3] == ends]
    # It stands twice, or not at all, in the moment in which it is handed over.
    return states[0] if len(states) == 1 else None


def connected(gateway):
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def is_answered(client):
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return client.recv(12) == b"HTTP/1.1 200"


def first_state(gateway):
    """The state of a connection that has just been made and says nothing."""
    for _ in range(20):
        began = time.monotonic()
        with connected(gateway) as client:
            state = kernel_state(client)
            # A machine that took longer to look does not know how it was in the beginning.
            if state and time.monotonic() - began < 0.8:
                assert is_answered(client)
                return state
    raise AssertionError("20 connections were not looked at in time")


def test_a_client_that_says_nothing_is_there_after_a_while(gateway, origin):
    gateway.start_before(origin.address)
    with connected(gateway) as client:
        until(lambda: kernel_state(client) == ESTABLISHED, "the kernel to hand it over")
        assert is_answered(client)


def test_the_file_says_whether_a_connection_waits_for_its_first_bytes(gateway, origin):
    gateway.start_before(origin.address, listen="defer=off")
    for option, state in [
            ("defer=off", ESTABLISHED), ("", SYN_RECEIVED), ("defer=off", ESTABLISHED)]:
        gateway.reload_and_wait(gateway.configuration(origin.address, listen=option))
        # More than one, because each loop has a socket of its own.
        assert [first_state(gateway) for _ in range(8)] == [state] * 8
