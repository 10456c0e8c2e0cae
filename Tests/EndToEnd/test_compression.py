"""Compressed responses and requests, read and made by the libraries that everybody uses."""

import gzip
import json
import random
import re
import socket
import subprocess
import threading
import zlib

import brotli
import pytest
import requests
import zstandard
from support.waiting import until

CODINGS = ["gzip", "deflate", "br", "zstd"]
LEVELS = ["fast", "balanced", "small"]

# Else a loop that the machine makes late sends some contents as they are.
NEVER_LESS = "compress_limits lag=off"


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
        "empty": b"",
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
        content = CONTENTS.get(name, b"none of them")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"v1\"\r\n"
        if framing == "chunked":
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(content), 70_001):
                piece = content[start:start + 70_001]
                connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
        elif framing == "pieces":
            # Chunks of any size, each sent by itself, and cut anywhere on the way.
            source = random.Random(len(content))
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            start = 0
            while start < len(content):
                piece = content[start:start + source.randrange(1, 700)]
                start += len(piece)
                chunk = b"%x\r\n" % len(piece) + piece + b"\r\n"
                cut = source.randrange(len(chunk))
                connection.send(chunk[:cut])
                connection.send(chunk[cut:])
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
        make_origin(serve).address, top=NEVER_LESS, site=f"compress {coding} min=1 level={level}")
    for name, content in CONTENTS.items():
        if name == "empty":
            continue
        for framing in ["length", "chunked", "close"]:
            response, coded = raw(f"{gateway.url}/{name}?{framing}", coding)
            assert response.headers["Content-Encoding"] == coding
            assert response.headers["ETag"] == f'W/"v1--{coding}"'
            assert response.headers["Vary"] == "Accept-Encoding"
            assert decode(coded, coding) == content, (name, framing)
            if name in ("json", "long"):
                assert len(coded) < len(content) / 3


@pytest.mark.parametrize("coding", CODINGS)
def test_pieces_of_any_size_come_through(gateway, make_origin, coding):
    gateway.start_before(
        make_origin(serve).address, top=NEVER_LESS, site=f"compress {coding} min=1")
    for name in ["one", "tiny", "json", "noise"]:
        response, coded = raw(f"{gateway.url}/{name}?pieces", coding)
        assert response.headers["Content-Encoding"] == coding
        assert decode(coded, coding) == CONTENTS[name]


@pytest.mark.parametrize("coding", CODINGS)
def test_no_content_comes_through(gateway, make_origin, coding):
    gateway.start_before(
        make_origin(serve).address, top=NEVER_LESS, site=f"compress {coding} min=1")
    for framing in ["length", "chunked", "close"]:
        response, coded = raw(f"{gateway.url}/empty?{framing}", coding)
        applied = response.headers.get("Content-Encoding")
        assert (decode(coded, coding) if applied else coded) == b""
        assert applied in (None, coding) and response.headers["ETag"].startswith(("W/", '"v1"'))


def test_levels_drop_when_the_loop_is_late(gateway, make_origin):
    """Eight clients at level `small` keep a loop busy for longer than `lag` in each turn."""
    def load():
        found = re.search(r'^gateway_compression_load\{loop="0"\} (\d)', gateway.metrics(), re.M)
        return int(found.group(1))

    def codings(site):
        """What eight clients at once are sent, by name, and the highest load seen meanwhile."""
        seen, loads, stop = [], [], threading.Event()

        def ask():
            while not stop.is_set():
                response, _ = raw(f"{gateway.url}/long?length", "br")
                seen.append(response.headers.get("Content-Encoding"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            site(loads)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        return seen, loads

    def until_late(loads):
        until(lambda: loads.append(load()) or loads[-1] > 0, "levels to drop")

    def for_some_responses(loads):
        for _ in range(20):
            raw(f"{gateway.url}/json?length", "br")
            loads.append(load())

    origin = make_origin(serve).address
    gateway.start_before(
        origin, top="workers 1\ncompress_limits lag=1ms", site="compress br level=small")
    _, loads = codings(until_late)
    assert max(loads) > 0
    # Short turns bring it back; a machine that is busy otherwise may make some of them long.
    until(lambda: raw(f"{gateway.url}/tiny?length", "br") and load() == 0, "levels to come back")
    until(lambda: raw(f"{gateway.url}/json?length", "br")[0].headers.get("Content-Encoding")
          == "br", "compression to come back")
    gateway.reload_and_wait(gateway.configuration(
        origin, top="workers 1\ncompress_limits lag=off", site="compress br level=small"))
    seen, loads = codings(for_some_responses)
    assert set(seen) == {"br"} and max(loads) == 0


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_padded_contents_are_read_by_everybody(gateway, make_origin, coding):
    gateway.start_before(
        make_origin(serve).address, top=NEVER_LESS, site=f"compress {coding} min=1 breach=pad")
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


def curl(url, *options):
    run = subprocess.run(["curl", "-sS", "--fail", "-D", "-", *options, url],
                         capture_output=True, timeout=30, check=True)
    head, _, content = run.stdout.partition(b"\r\n\r\n")
    return head.decode(), content


@pytest.mark.parametrize("name", ["json", "long"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_curl_gets_a_miss_of_the_cache_as_it_gets_a_hit(gateway, make_origin, name, framing):
    origin = make_origin(serve)
    gateway.start_before(origin.address, site="compress gzip br\n    cache ttl=60s")
    url = f"{gateway.url}/{name}?{framing}"
    for what in ["fwd=uri-miss; stored", "; hit;"]:
        head, content = curl(url, "--compressed")
        assert what in head
        assert "Content-Encoding: " in head and "Vary: Accept-Encoding" in head
        assert 'ETag: W/"v1--' in head
        assert content == CONTENTS[name]
    tag = next(line[6:] for line in head.splitlines() if line.startswith("ETag: "))
    coding = tag.strip('"').rpartition("--")[2]
    accept = ["-H", f"Accept-Encoding: {coding}"]
    head, content = curl(url, *accept, "-H", f"If-None-Match: {tag}")
    assert head.startswith("HTTP/1.1 304") and f"ETag: {tag}" in head and content == b""
    head, _ = curl(url, *accept, "--head")
    assert f"Content-Encoding: {coding}" in head and f"ETag: {tag}" in head
    head, content = curl(url, *accept, "-H", "Range: bytes=10-19")
    assert head.startswith("HTTP/1.1 206") and "Content-Encoding" not in head
    assert content == CONTENTS[name][10:20]
    head, content = curl(url)
    assert 'ETag: "v1"' in head and "Content-Encoding" not in head
    assert content == CONTENTS[name]
    # All but the first of them came from what was stored.
    assert len(origin.requests) == 1


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_cached_forms_are_padded_anew_each_time(gateway, make_origin, coding):
    gateway.start_before(
        make_origin(serve).address, site="compress gzip br zstd breach=pad\n    cache ttl=60s")
    sizes = set()
    for _ in range(12):
        _, coded = raw(f"{gateway.url}/json", coding)
        assert decode(coded, coding) == CONTENTS["json"]
        sizes.add(len(coded))
    assert len(sizes) > 4


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
            if not received.acquire(timeout=30):
                return
        connection.send(b"0\r\n\r\n")

    gateway.start_before(make_origin(script).address, top=NEVER_LESS, site=f"compress {coding}")
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

    gateway.start_before(make_origin(script).address, top=NEVER_LESS, site="compress gzip")
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


def unchunked(body):
    """What chunks hold; fails when the last one is missing."""
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            assert body == b"\r\n"
            return content
        content += body[:count]
        assert body[count:count + 2] == b"\r\n"
        body = body[count + 2:]


def test_those_who_wait_on_all_loops_share_what_is_compressed(gateway, make_origin):
    wanted = 120
    content = CONTENTS["long"]
    go_on = threading.Event()
    asked = []

    def script(connection):
        while (request := connection.next_request()) is not None:
            asked.append(request.target)
            connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in (content[:100_000], content[100_000:]):
                connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
                assert go_on.wait(60)
            connection.send(b"0\r\n\r\n")

    gateway.start_before(
        make_origin(script).address, top="workers 2", site="compress gzip br zstd\n    cache")
    streams = []
    try:
        for number in range(wanted):
            coding = ["gzip", "br", "zstd", "identity"][number % 4]
            stream = socket.create_connection(("127.0.0.1", gateway.port), 60)
            streams.append((coding, stream))
            stream.sendall(
                b"GET /hot HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: "
                + coding.encode() + b"\r\n\r\n")
        until(lambda: f"gateway_requests_in_flight {wanted}" in gateway.metrics(),
              "all requests to be under way")
        go_on.set()
        coded = 0
        for coding, stream in streams:
            answer = b""
            while piece := stream.recv(1 << 20):
                answer += piece
            head, _, body = answer.partition(b"\r\n\r\n")
            if b"Transfer-Encoding: chunked" in head:
                body = unchunked(body)
            if coding != "identity" and b"Content-Encoding: " in head:
                assert f"Content-Encoding: {coding}\r\n".encode() in head
                body = decode(body, coding)
                coded += 1
            assert body == content
    finally:
        go_on.set()
        for _, stream in streams:
            stream.close()
    assert asked == ["/hot"]
    # Who asked first had a coder of its own; the others shared one for each coding. Who looked only
    # when all had come is served from the store, whose forms are made two at a time.
    assert coded > wanted // 4
    made = re.findall(
        r'gateway_compression_responses_total{[^}]*coding="(?:gzip|br|zstd)"} (\d+)',
        gateway.metrics())
    assert 1 <= sum(map(int, made)) <= 4 + 3
