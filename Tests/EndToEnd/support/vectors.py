"""Requests that try to be understood differently by two readers: the project's own, and, where they
are at hand, those that other projects collected."""

import json

from .gateway import ROOT

CHUNKED = "0\r\n\r\n"
HOST = "Host: a.example\r\n"


def post(fields, body=CHUNKED):
    return f"POST / HTTP/1.1\r\n{HOST}{fields}\r\n{body}"


REJECT = {
    "both lengths": post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "both lengths, the other order": post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    "differing lengths": post("Content-Length: 5\r\nContent-Length: 6\r\n", "abcdef"),
    "differing lengths in a list": post("Content-Length: 5, 6\r\n", "abcdef"),
    "length with a sign": post("Content-Length: +5\r\n", "abcde"),
    "negative length": post("Content-Length: -5\r\n", "abcde"),
    "hexadecimal length": post("Content-Length: 0x5\r\n", "abcde"),
    "length with a space in it": post("Content-Length: 1 0\r\n", "abcdefghij"),
    "length with an underscore": post("Content-Length: 1_0\r\n", "abcdefghij"),
    "length that overflows": post("Content-Length: 18446744073709551621\r\n", "abcde"),
    "empty length": post("Content-Length: \r\n", ""),
    "space before the colon": post("Transfer-Encoding : chunked\r\n"),
    "tab before the colon": post("Content-Length\t: 5\r\n", "abcde"),
    "folded field": post("Transfer-Encoding:\r\n chunked\r\n"),
    "folded first field": "POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n" + HOST + "\r\n",
    "unknown coding": post("Transfer-Encoding: xchunked\r\n"),
    "identity": post("Transfer-Encoding: identity\r\n"),
    "chunked twice": post("Transfer-Encoding: chunked, chunked\r\n"),
    "chunked twice in two fields": post(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "chunked, then another": post("Transfer-Encoding: chunked, identity\r\n"),
    "vertical tab in the coding": post("Transfer-Encoding: \x0bchunked\r\n"),
    "quoted coding": post('Transfer-Encoding: "chunked"\r\n'),
    "NUL in a value": post("X: a\0b\r\n"),
    "NUL in a name": post("X\0Y: a\r\n"),
    "bare CR in a value": post("X: a\rTransfer-Encoding: chunked\r\n"),
    "bare LF after a field": post("X: a\nTransfer-Encoding: chunked\r\n"),
    "bare LF at the end of the head": f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\n",
    "bare CR at the end of the head": f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\r\n",
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": f"GET / HTTP/1.1\r\n{HOST}Host: b.example\r\n\r\n",
    "the same Host twice": f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n",
    "Host with a path": "GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n",
    "Host with user information": "GET / HTTP/1.1\r\nHost: me@a.example\r\n\r\n",
    "Host with a space": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "no version": f"GET /\r\n{HOST}\r\n",
    "version 2.0": f"GET / HTTP/2.0\r\n{HOST}\r\n",
    "version 1.10": f"GET / HTTP/1.10\r\n{HOST}\r\n",
    "version in lower case": f"GET / http/1.1\r\n{HOST}\r\n",
    "two spaces": f"GET  / HTTP/1.1\r\n{HOST}\r\n",
    "space in the target": f"GET /a b HTTP/1.1\r\n{HOST}\r\n",
    "control character in the target": f"GET /a\x01b HTTP/1.1\r\n{HOST}\r\n",
    "method with a colon": f"GE:T / HTTP/1.1\r\n{HOST}\r\n",
    "field without a colon": f"GET / HTTP/1.1\r\n{HOST}Nothing\r\n\r\n",
    "empty field name": f"GET / HTTP/1.1\r\n{HOST}: a\r\n\r\n",
}

CHUNKS_TO_REJECT = {
    "hexadecimal prefix": "0x3\r\nabc\r\n0\r\n\r\n",
    "sign": "+3\r\nabc\r\n0\r\n\r\n",
    "space before the size": " 3\r\nabc\r\n0\r\n\r\n",
    "underscore": "1_0\r\nabcdefghijklmnop\r\n0\r\n\r\n",
    "empty size": "\r\nabc\r\n0\r\n\r\n",
    "size that overflows": "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "bare LF after the size": "3\nabc\r\n0\r\n\r\n",
    "bare LF after the data": "3\r\nabc\n0\r\n\r\n",
    "bare CR after the size": "3\rabc\r\n0\r\n\r\n",
    "bare LF in an extension": "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "more data than the size": "3\r\nabcd\r\n0\r\n\r\n",
    "bare LF at the end": "3\r\nabc\r\n0\r\n\n",
    "field without a colon in the trailers": "0\r\nnothing\r\n\r\n",
    "NUL in an extension": "3;a=\0\r\nabc\r\n0\r\n\r\n",
}

ACCEPT = {
    "GET": f"GET / HTTP/1.1\r\n{HOST}\r\n",
    "length": post("Content-Length: 5\r\n", "abcde"),
    "length of zero": post("Content-Length: 0\r\n", ""),
    "chunked": post("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n"),
    "chunked in capitals": post("Transfer-Encoding: CHUNKED\r\n"),
    "leading zeros in a chunk size": post("Transfer-Encoding: chunked\r\n",
                                          "0005\r\nabcde\r\n000\r\n\r\n"),
    "chunk extension and trailer": post("Transfer-Encoding: chunked\r\n",
                                        "5;a=b\r\nabcde\r\n0\r\nX-A: b\r\n\r\n"),
    "empty line before the request": f"\r\nGET / HTTP/1.1\r\n{HOST}\r\n",
    "no space after the colon": "GET / HTTP/1.1\r\nHost:a.example\r\n\r\n",
    "bytes above ASCII in a value": f"GET / HTTP/1.1\r\n{HOST}X: \xe9\r\n\r\n",
    "unknown method": f"PROPFIND / HTTP/1.1\r\n{HOST}\r\n",
    "Host with a port": "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
}


def own():
    for want, table in (("reject", REJECT), ("accept", ACCEPT)):
        for name, raw in table.items():
            yield f"own/{name}", raw, want
    for name, chunks in CHUNKS_TO_REJECT.items():
        # With a body under way, what was good of it may have reached the origin: never as whole.
        yield f"own/chunk/{name}", post("Transfer-Encoding: chunked\r\n", chunks), "unfinished"


def shared():
    folder = ROOT.parent / "shared" / "vectors"
    for name in ("llhttp", "guardian", "smuggler-default"):
        file = folder / f"{name}.json"
        if file.exists():
            for vector in json.loads(file.read_text())["vectors"]:
                yield vector["id"], vector["raw"], vector["want"]


def numbered(vectors):
    """The same vectors, each name once."""
    seen = {}
    for name, raw, want in vectors:
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), raw, want


ALL = list(numbered([*own(), *shared()]))
