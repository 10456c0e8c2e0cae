"""Large stored responses, which the kernel sends without a copy, and their compressed forms."""

import gzip
import json
import socket
import zlib

import brotli
import zstandard

SIZE = 3_000_000


def pattern(name, size=SIZE):
    """Bytes that differ from name to name at every place."""
    seed = zlib.crc32(name.encode())
    block = bytes((index * 31 + seed + (index >> 8)) % 251 for index in range(65_521))
    return (block * (size // len(block) + 1))[:size]


def rows(size):
    text = "\n".join(json.dumps({"id": number, "name": f"item {number}"})
                     for number in range(size // 30))
    return text.encode()[:size]


def serve(**fields):
    """An origin's script that answers each path with its pattern."""
    def script(connection):
        while (request := connection.next_request()) is not None:
            connection.respond(pattern(request.target), Cache_Control="max-age=600", **fields)
    return script


def slow_client(port, path):
    """A connection with a tiny window that has asked and reads nothing yet."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.settimeout(60)
    stream.connect(("127.0.0.1", port))
    head = f"GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
    stream.sendall(head.encode())
    return stream


def rest(stream):
    data = b""
    while piece := stream.recv(1 << 20):
        data += piece
    return data.split(b"\r\n\r\n", 1)[1]


def test_what_is_on_its_way_stays_right_when_its_memory_is_given_back(gateway, make_origin):
    origin = make_origin(serve())
    # The slow clients wait for as long as the others take.
    gateway.start_before(origin.address, top="cache_size 64m\ncache_purge from=127.0.0.0/8",
                         site="cache\n    timeout send=10m")
    assert gateway.get("/old").body == pattern("/old")
    slow = [slow_client(gateway.port, "/old") for _ in range(8)]
    try:
        # Each has a part of it in its socket's buffers by now: its first byte has come.
        begun = [stream.recv(1, socket.MSG_PEEK) for stream in slow]
        assert begun == [b"H"] * 8
        with gateway.client() as client:
            assert client.request("PURGE", "/old").status == 200
        # Others take whatever memory has become free, several times over.
        for number in range(40):
            assert gateway.get(f"/new{number}").body == pattern(f"/new{number}")
        for stream in slow:
            assert rest(stream) == pattern("/old")
    finally:
        for stream in slow:
            stream.close()


def test_evicted_contents_give_their_memory_back(gateway, make_origin):
    origin = make_origin(serve())
    gateway.start_before(origin.address, top="cache_size 32m", site="cache")
    for number in range(60):
        assert len(gateway.get(f"/{number}").body) == SIZE
    used = [float(line.split()[1]) for line in gateway.metrics().splitlines()
            if line.startswith("gateway_cache_used_bytes ")]
    assert 0 < used[0] <= 32 << 20
    # The pages are no part of the process's own memory; nothing else may have grown with them.
    assert gateway.resident_bytes() < 96 << 20


def test_ranges_and_heads_of_large_contents(gateway, make_origin):
    origin = make_origin(serve())
    gateway.start_before(origin.address, site="cache")
    whole = pattern("/a")
    assert gateway.get("/a").body == whole
    for first, last in [(0, 0), (0, SIZE - 1), (65_535, 65_536), (1_000_001, 2_999_998)]:
        part = gateway.get("/a", Range=f"bytes={first}-{last}")
        assert part.status == 206 and part.body == whole[first:last + 1]
    parts = gateway.get("/a", Range="bytes=10-19,100000-100009")
    assert parts.status == 206
    assert whole[10:20] in parts.body and whole[100_000:100_010] in parts.body


def test_compressed_forms_decode_to_what_was_stored(gateway, make_origin):
    bodies = {f"/{size}": rows(size) for size in (100, 2000, 5000, 100_000, 2_000_000)}

    def script(connection):
        while (request := connection.next_request()) is not None:
            connection.respond(bodies[request.target], Cache_Control="max-age=600",
                               Content_Type="application/json", ETag='"1"')

    origin = make_origin(script)
    # On a busy machine a loop would compress less.
    gateway.start_before(origin.address, top="compress_limits lag=off",
                         site="compress br zstd gzip deflate min=50\ncache")
    decoders = {
        "br": brotli.decompress, "gzip": gzip.decompress, "deflate": zlib.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }
    for path, body in bodies.items():
        assert gateway.get(path).body == body
        for _ in range(3):
            for coding, decode in decoders.items():
                found = gateway.get(path, Accept_Encoding=coding)
                assert found["Content-Encoding"] == coding
                assert found["ETag"] == f'W/"1--{coding}"'
                assert found["Cache-Status"].startswith("gateway; hit")
                assert decode(found.body) == body
                assert len(found.body) < len(body)
    made = [line for line in gateway.metrics().splitlines()
            if line.startswith("gateway_compression_responses_total{")]
    assert {line.split()[1] for line in made if not line.endswith(" 0")} == {str(len(bodies))}
