"""Responses coded with a dictionary (RFC 9842), decoded by Python's zstandard."""

import base64
import hashlib
import random
import re
import threading

import pytest
import requests
import zstandard
from support.waiting import until

ADVICE = 'match="/app/*.js", match-dest=("script")'


def bundle(version, size):
    """A script that changes a little from one version to the next."""
    source = random.Random(3)
    lines, total = [f"// version {version}"], 0
    while total < size:
        line = f"function f{len(lines)}(a) {{ return a * {source.randrange(10 ** 6)}; }}"
        lines.append(line)
        total += len(line) + 1
    lines.insert(len(lines) * version // 10, f"console.log('new in {version}')")
    return "\n".join(lines).encode()


CONTENTS = {
    "/app/small1.js": bundle(1, 20_000), "/app/small2.js": bundle(2, 20_000),
    "/app/large1.js": bundle(1, 900_000), "/app/large2.js": bundle(2, 900_000),
    "/app/longer.js": bundle(3, 1_200_000),
    "/app/noise.js": random.Random(1).randbytes(300_000),
    "/app/magic.js": b"\x37\xa4\x30\xec" + bundle(4, 30_000),
}


def serve(connection):
    while (request := connection.next_request()) is not None:
        path, _, framing = request.target.partition("?")
        content = CONTENTS[path]
        head = (b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\n"
                b"Cache-Control: public, max-age=3600\r\nETag: \"v%d\"\r\n" % len(content))
        if request.method == "HEAD":
            connection.send(head + b"Content-Length: %d\r\n\r\n" % len(content))
        elif framing == "chunked":
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(content), 70_001):
                piece = content[start:start + 70_001]
                connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
        else:
            connection.send(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)


@pytest.fixture
def site(gateway, make_origin):
    """A gateway behind something that ends TLS: only the field is looked at."""
    gateway.start_before(
        make_origin(serve).address,
        top="trusted_proxies 127.0.0.0/8\ncompress_limits lag=off",
        site="compress zstd br gzip min=100\n"
             "compress_dictionary /app/*.js dest=script max=2m")
    return gateway


def fetch(site, path, dictionary=None, accept="gzip, deflate, br, zstd", **fields):
    headers = {"X-Forwarded-Proto": "https", "Accept-Encoding": accept} | fields
    if dictionary is not None:
        digest = base64.b64encode(hashlib.sha256(dictionary).digest()).decode()
        headers |= {"Available-Dictionary": f":{digest}:", "Accept-Encoding": accept + ", dcb, dcz"}
    response = requests.get(site.url + path, headers=headers, stream=True, timeout=30)
    return response, response.raw.read(decode_content=False)


def store(site, path):
    """Lets a content become a dictionary, which it is a moment after it was sent."""
    def stored():
        found = re.search(r"^gateway_dictionaries_stored_total (\d+)", site.metrics(), re.MULTILINE)
        return int(found.group(1))
    before = stored()
    response, _ = fetch(site, path)
    until(lambda: stored() > before, f"{path} becomes a dictionary")
    return response


def decode(content, dictionary):
    """What a browser does: compares the header, then decodes with a raw dictionary."""
    assert content[:8] == bytes.fromhex("5e2a4d1820000000")
    assert content[8:40] == hashlib.sha256(dictionary).digest()
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    # RFC 9842 §5: a window of 8 MiB is what every client takes.
    decoder = zstandard.ZstdDecompressor(dict_data=raw, max_window_size=8 << 20)
    with decoder.stream_reader(content, read_across_frames=True) as reader:
        result = reader.read()
    # The header is a frame that decoders skip, so the rest alone says the same.
    with decoder.stream_reader(content[40:], read_across_frames=True) as reader:
        assert reader.read() == result
    return result


@pytest.mark.parametrize("framing", ["", "?chunked"])
@pytest.mark.parametrize("old, new, share", [
    ("/app/small1.js", "/app/small2.js", 0.02),
    ("/app/large1.js", "/app/large2.js", 0.01),
    ("/app/large1.js", "/app/longer.js", 0.12),
    ("/app/large1.js", "/app/noise.js", 1.01),
    ("/app/small1.js", "/app/small1.js", 0.01),
])
def test_a_difference_is_read_with_the_version_before(site, old, new, share, framing):
    response = store(site, old + framing)
    assert response.headers["Use-As-Dictionary"] == ADVICE
    response, coded = fetch(site, new + framing, CONTENTS[old])
    assert response.headers["Content-Encoding"] == "dcz"
    assert {"Accept-Encoding", "Available-Dictionary"} == set(
        name.strip() for name in response.headers["Vary"].split(","))
    prefix = hashlib.sha256(CONTENTS[old]).hexdigest()[:8]
    assert response.headers["ETag"] == f'W/"v{len(CONTENTS[new])}--dcz-{prefix}"'
    assert decode(coded, CONTENTS[old]) == CONTENTS[new]
    assert len(coded) <= 40 + share * len(CONTENTS[new])


def test_padding_is_skipped(gateway, make_origin):
    gateway.start_before(
        make_origin(serve).address,
        top="trusted_proxies 127.0.0.0/8\ncompress_limits lag=off",
        site="compress min=100 breach=pad\ncompress_dictionary /app/*.js")
    old = CONTENTS["/app/small1.js"]
    store(gateway, "/app/small1.js")
    sizes = set()
    for _ in range(8):
        _, coded = fetch(gateway, "/app/small2.js", old)
        assert decode(coded, old) == CONTENTS["/app/small2.js"]
        sizes.add(len(coded))
    assert len(sizes) > 2


def test_a_hash_that_nobody_stored_changes_nothing(site):
    response, coded = fetch(site, "/app/small2.js", b"never seen")
    assert response.headers["Content-Encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(coded) \
        == CONTENTS["/app/small2.js"]


def test_content_that_looks_like_a_formatted_dictionary_is_none(site):
    fetch(site, "/app/magic.js")
    response, _ = fetch(site, "/app/small2.js", CONTENTS["/app/magic.js"])
    assert response.headers["Content-Encoding"] == "zstd"


def test_dcb_alone_is_not_answered(site):
    """Debian's brotli encoder takes no dictionary: its library has no such function."""
    store(site, "/app/small1.js")
    old = CONTENTS["/app/small1.js"]
    digest = base64.b64encode(hashlib.sha256(old).digest()).decode()
    response, _ = fetch(site, "/app/small2.js", accept="br, dcb",
                        **{"Available-Dictionary": f":{digest}:"})
    assert response.headers["Content-Encoding"] == "br"


def test_conditions_across_codings(site):
    old = CONTENTS["/app/small1.js"]
    store(site, "/app/small1.js")
    tags = {fetch(site, "/app/small2.js", old)[0].headers["ETag"]}
    for coding in ["gzip", "br", "zstd", "identity"]:
        tags.add(fetch(site, "/app/small2.js", accept=coding)[0].headers["ETag"])
    assert len(tags) == 5


def test_head_says_what_get_would(site):
    old = CONTENTS["/app/small1.js"]
    store(site, "/app/small1.js")
    digest = base64.b64encode(hashlib.sha256(old).digest()).decode()
    response = requests.head(site.url + "/app/small2.js", timeout=30, headers={
        "X-Forwarded-Proto": "https", "Accept-Encoding": "dcz",
        "Available-Dictionary": f":{digest}:"})
    assert response.headers["Content-Encoding"] == "dcz"
    assert "Content-Length" not in response.headers


def test_clients_at_once_share_the_dictionary(site):
    old = CONTENTS["/app/large1.js"]
    store(site, "/app/large1.js")
    problems = []

    def ask():
        try:
            for _ in range(5):
                _, coded = fetch(site, "/app/large2.js", old)
                assert decode(coded, old) == CONTENTS["/app/large2.js"]
        except AssertionError as error:
            problems.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
