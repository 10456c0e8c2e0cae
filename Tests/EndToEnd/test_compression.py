"""Compressed responses and requests, read and made by the libraries that everybody uses."""

import gzip
import json
import random
import subprocess
import threading
import zlib

import brotli
import pytest
import requests
import zstandard

CODINGS = ["gzip", "deflate", "br", "zstd"]
LEVELS = ["fast", "balanced", "small"]


def decode(content, coding):
    """Fails unless all of the content is one of that coding."""
    if coding == "gzip":
        decoder = zlib.decompressobj(31)
        result = decoder.decompress(content) + decoder.flush()
        assert decoder.eof and not decoder.unused_data
        return result
    if coding == "deflate":
        decoder = zlib.decompressobj()
        result = decoder.decompress(content) + decoder.flush()
        assert decoder.eof and not decoder.unused_data
        return result
    if coding == "br":
        decoder = brotli.Decompressor()
        result = decoder.process(content)
        assert decoder.is_finished()
        return result
    with zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True) as reader:
        return reader.read()


def encode(content, coding):
    if coding == "gzip":
        return gzip.compress(content)
    if coding == "deflate":
        return zlib.compress(content)
    if coding == "br":
        return brotli.compress(content, quality=5)
    return zstandard.ZstdCompressor().compress(content)


def contents():
    rows = [{"id": number, "name": f"item {number % 97}"} for number in range(30_000)]
    noise = random.Random(5).randbytes
    return {
        "one": b"a",
        "tiny": b'{"a": 1}',
        "json": json.dumps(rows[:500]).encode(),
        "noise": noise(50_000),
        "long": json.dumps(rows).encode(),
        "long_noise": noise(1_000_000),
    }


CONTENTS = contents()


def serve(connection):
    """Answers with the content that the path names, framed as the query says."""
    while (request := connection.next_request()) is not None:
        name, _, framing = request.target[1:].partition("?")
        content = CONTENTS[name]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"v1\"\r\n"
        if framing == "chunked":
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(content), 70_001):
                piece = content[start:start + 70_001]
                connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
        elif framing == "close":
            connection.send(head + b"Connection: close\r\n\r\n" + content)
            return
        else:
            connection.send(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)


def raw(url, coding):
    """A response with its content as it came over the wire, its framing taken off."""
    response = requests.get(url, headers={"Accept-Encoding": coding}, stream=True, timeout=30)
    return response, response.raw.read(decode_content=False)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("coding", CODINGS)
def test_every_content_comes_through(gateway, make_origin, coding, level):
    gateway.start_before(
        make_origin(serve).address, site=f"compress {coding} min=1 level={level}")
    for name, content in CONTENTS.items():
        for framing in ["length", "chunked", "close"]:
            response, coded = raw(f"{gateway.url}/{name}?{framing}", coding)
            assert response.headers["Content-Encoding"] == coding
            assert response.headers["ETag"] == f'W/"v1--{coding}"'
            assert response.headers["Vary"] == "Accept-Encoding"
            assert decode(coded, coding) == content, (name, framing)
            if name in ("json", "long"):
                assert len(coded) < len(content) / 3


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_padded_contents_are_read_by_everybody(gateway, make_origin, coding):
    gateway.start_before(
        make_origin(serve).address, site=f"compress {coding} min=1 breach=pad")
    sizes = set()
    for _ in range(12):
        for framing in ["length", "chunked"]:
            _, coded = raw(f"{gateway.url}/json?{framing}", coding)
            assert decode(coded, coding) == CONTENTS["json"]
            sizes.add(len(coded))
    assert len(sizes) > 6


def test_curl_decodes_what_it_asked_for(gateway, make_origin):
    gateway.start_before(make_origin(serve).address, site="compress br zstd gzip deflate")
    for name in ["json", "long"]:
        for framing in ["length", "chunked"]:
            run = subprocess.run(
                ["curl", "-sS", "--fail", "--compressed", f"{gateway.url}/{name}?{framing}"],
                capture_output=True, timeout=30, check=True)
            assert run.stdout == CONTENTS[name]


def test_nothing_is_compressed_for_who_does_not_ask(gateway, make_origin):
    gateway.start_before(make_origin(serve).address, site="compress")
    run = subprocess.run(
        ["curl", "-sS", "--fail", "-i", f"{gateway.url}/json"],
        capture_output=True, timeout=30, check=True)
    head, _, content = run.stdout.partition(b"\r\n\r\n")
    assert content == CONTENTS["json"]
    assert b"Vary: Accept-Encoding" in head and b"Content-Encoding" not in head


@pytest.mark.parametrize("coding", CODINGS)
def test_an_event_arrives_at_once(gateway, make_origin, coding):
    """The origin sends an event only after the client has read the one before, decoded."""
    received = threading.Semaphore(0)

    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(10):
            connection.send(f"9\r\ndata: {number}\n\n\r\n".encode())
            if not received.acquire(timeout=10):
                return
        connection.send(b"0\r\n\r\n")

    gateway.start_before(make_origin(script).address, site=f"compress {coding}")
    decoder = {
        "gzip": lambda: zlib.decompressobj(31).decompress,
        "deflate": lambda: zlib.decompressobj().decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    }[coding]()
    response = requests.get(
        gateway.url, headers={"Accept-Encoding": coding}, stream=True, timeout=15)
    assert response.headers["Content-Encoding"] == coding
    text, seen = b"", 0
    while piece := response.raw.read1(decode_content=False):
        text += decoder(piece)
        while text.count(b"\n\n") > seen:
            seen += 1
            received.release()
    assert text == b"".join(b"data: %d\n\n" % number for number in range(10))


def test_a_content_cut_short_is_an_error_for_every_client(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                        b"Content-Length: 3000000\r\n\r\n" + CONTENTS["long"][:500_000])

    gateway.start_before(make_origin(script).address, site="compress")
    run = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "--compressed", f"{gateway.url}/"],
        capture_output=True, timeout=30, check=False)
    assert run.returncode != 0


def test_conditions_reach_the_application_in_its_own_words(gateway, make_origin):
    def script(connection):
        while (request := connection.next_request()) is not None:
            if request.all("If-None-Match") == ['"v1"']:
                connection.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
            else:
                connection.respond(b"x" * 2000, Content_Type="text/css", ETag='"v1"')

    gateway.start_before(make_origin(script).address, site="compress gzip")
    first = requests.get(gateway.url, headers={"Accept-Encoding": "gzip"}, timeout=10)
    assert first.headers["ETag"] == 'W/"v1--gzip"'
    second = requests.get(gateway.url, timeout=10, headers={
        "Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]})
    assert second.status_code == 304
    assert second.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_requests_are_decoded(gateway, origin, coding):
    gateway.start_before(origin.address, site="decompress request")
    for name in ["one", "json"]:
        content = CONTENTS[name]
        answer = requests.post(
            gateway.url, data=encode(content, coding), timeout=10,
            headers={"Content-Encoding": coding}).json()
        assert answer["body"].encode() == content
        fields = {key.lower(): value for key, value in answer["fields"]}
        assert fields["content-length"] == str(len(content))
        assert "content-encoding" not in fields


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_never_reaches_the_application(gateway, origin, coding):
    gateway.start_before(origin.address, site="decompress request ratio=50")
    bomb = encode(bytes(50_000_000), coding)
    before = gateway.resident_bytes()
    response = requests.post(
        gateway.url, data=bomb, timeout=20, headers={"Content-Encoding": coding})
    assert response.status_code == 413
    assert gateway.resident_bytes() - before < 40_000_000
    assert not origin.requests
