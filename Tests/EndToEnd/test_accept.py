"""How connections come: with their first bytes, or at once where the file says so."""

import socket

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


def test_a_client_that_says_nothing_is_not_there_for_a_second(gateway, origin):
    gateway.start_before(origin.address)
    with connected(gateway) as client:
        assert kernel_state(client) == SYN_RECEIVED
        assert is_answered(client)
    with connected(gateway) as client:
        until(lambda: kernel_state(client) == ESTABLISHED, "the kernel to hand it over")
        assert is_answered(client)


def test_the_file_says_whether_a_connection_waits_for_its_first_bytes(gateway, origin):
    gateway.start_before(origin.address, listen="defer=off")
    for option, state in [
            ("defer=off", ESTABLISHED), ("", SYN_RECEIVED), ("defer=off", ESTABLISHED)]:
        gateway.reload_and_wait(gateway.configuration(origin.address, listen=option))
        # More than one, because each loop has a socket of its own.
        for _ in range(8):
            with connected(gateway) as client:
                assert kernel_state(client) == state
                assert is_answered(client)
