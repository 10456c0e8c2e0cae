"""The PROXY protocol before a request, versions 1 and 2."""

import socket
import struct

import pytest

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def version_2(command, family, addresses, extra=b""):
    rest = addresses + extra
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(rest)) + rest


PORTS = struct.pack("!HH", 4711, 80)
IPV4 = socket.inet_aton("203.0.113.7") + socket.inet_aton("127.0.0.1") + PORTS
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + PORTS
TLVS = b"\x02\x00\x05shop!" + b"\x04\x00\x03\0\0\0" + b"\xea\x00\x00"

GOOD = {
    "v1 TCP4": (b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n", "203.0.113.7"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", "2001:db8::7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v1 UNKNOWN with rest": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
    "v2 TCP4": (version_2(1, 0x11, IPV4), "203.0.113.7"),
    "v2 TCP6": (version_2(1, 0x21, IPV6), "2001:db8::7"),
    "v2 TCP4 with TLVs": (version_2(1, 0x11, IPV4, TLVS), "203.0.113.7"),
    "v2 LOCAL": (version_2(0, 0x00, b""), "127.0.0.1"),
    "v2 LOCAL with addresses": (version_2(0, 0x11, IPV4), "127.0.0.1"),
}

BAD = {
    "none": b"",
    "v1 without end": b"PROXY TCP4 " + b"1" * 200,
    "v1 bad address": b"PROXY TCP4 203.0.113.777 127.0.0.1 4711 80\r\n",
    "v1 bad port": b"PROXY TCP4 203.0.113.7 127.0.0.1 99999 80\r\n",
    "v1 family and address differ": b"PROXY TCP6 203.0.113.7 127.0.0.1 4711 80\r\n",
    "v1 bare LF": b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\n",
    "v2 version 3": SIGNATURE + b"\x31\x11" + struct.pack("!H", len(IPV4)) + IPV4,
    "v2 command 2": version_2(2, 0x11, IPV4),
    "v2 too short for its family": version_2(1, 0x11, IPV4[:8]),
}


@pytest.fixture
def proxied(gateway, origin):
    gateway.start_before(
        origin.address, listen="proxy_protocol",
        top="trusted_proxies 127.0.0.0/8\nclient_address proxy_protocol")
    return gateway


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("step", [10_000, 1], ids=["whole", "bytes"])
def test_the_address_it_names_is_the_client(proxied, origin, kind, step):
    preamble, client = GOOD[kind]
    everything = preamble + REQUEST
    with proxied.client() as connection:
        for start in range(0, len(everything), step):
            connection.send(everything[start:start + step])
        assert connection.read_response().status == 200
    assert origin.wait_for_requests(1)[0]["X-Real-IP"] == client


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_preamble_ends_the_connection(proxied, origin, kind):
    with proxied.client() as connection:
        connection.send(BAD[kind] + REQUEST)
        answer = connection.read_to_end()
    assert not answer.startswith(b"HTTP/1.1 2")
    assert origin.requests == []


def test_it_holds_for_all_requests_of_the_connection(proxied, origin):
    with proxied.client() as connection:
        connection.send(GOOD["v2 TCP4"][0])
        for _ in range(3):
            assert connection.get().status == 200
    assert [r["X-Real-IP"] for r in origin.wait_for_requests(3)] == ["203.0.113.7"] * 3


def test_without_the_option_a_preamble_is_a_bad_request(gateway, origin):
    gateway.start_before(origin.address)
    with gateway.client() as connection:
        connection.send(GOOD["v1 TCP4"][0] + REQUEST)
        assert connection.read_response().status == 400
    assert origin.requests == []


def test_a_preamble_that_does_not_come_is_not_waited_for(gateway, origin):
    gateway.start_before(origin.address, listen="proxy_protocol", top="timeout header=300ms")
    with gateway.client() as connection:
        connection.send(b"PROXY TC")
        connection.read_to_end()
