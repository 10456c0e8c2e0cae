"""Compares the gateway with nginx, HAProxy, Envoy and Caddy. Benchmarks/README.md says how and why.

    python3 Benchmarks/bench.py --scenarios small --peers nginx,gateway --rounds 5
"""

import argparse
import gzip
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import peers
import report
import scenarios
import secure

ORIGIN = """
daemon off; worker_processes 1; worker_rlimit_nofile 20000;
pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 19000; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; tcp_nopush on;
    keepalive_timeout 600s; keepalive_requests 1000000000;
    open_file_cache max=16; default_type application/octet-stream;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/files;
        location = /small {{ default_type text/plain; return 200 "{small}"; }}
        location = /refused {{ default_type text/plain; return 200 "{small}"; }}
        location = /limited {{ default_type text/plain; return 200 "{small}"; }}
        location = /limited5 {{ default_type text/plain; return 200 "{small}"; }}
        location = /forwarded {{ default_type text/plain; return 200 "$http_x_forwarded_for"; }}
        location = /browser {{
            default_type "text/html; charset=utf-8";
            add_header Cache-Control "private, no-cache, max-age=0";
            add_header Vary "Accept-Encoding, Cookie";
            add_header Set-Cookie "session=eyJfZnJlc2giOmZhbHNlfQ; HttpOnly; SameSite=Lax";
            add_header X-Content-Type-Options nosniff;
            add_header Referrer-Policy strict-origin-when-cross-origin;
            return 200 "{small}";
        }}
        location = /1m {{ }}
        location = /cached/small {{
            default_type text/plain;
            add_header Cache-Control "max-age=3600";
            return 200 "{small}";
        }}
        location = /cached/100k {{ add_header Cache-Control "max-age=3600"; }}
        location /stored/ {{ add_header Cache-Control "max-age=3600"; }}
        location /json/ {{ default_type application/json; }}
        location /fast/ {{ default_type application/json; alias {folder}/files/json/; }}
    }}
}}
"""
PARK_SECONDS = 15


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, failure, seconds=20):
    """Waits until a port accepts, without sending a request."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            problem = failure()
            if problem or time.monotonic() > deadline:
                raise RuntimeError(problem or f"nothing listens on port {port}") from None
            time.sleep(0.02)


class Origins:
    """The nginx and the upload sink that every proxy forwards to, on the load generator's core."""

    def __init__(self, cores):
        folder = os.path.join(peers.WORK, "origin")
        os.makedirs(os.path.join(folder, "files"), exist_ok=True)
        with open(os.path.join(folder, "files", "1m"), "wb") as file:
            file.write(bytes(index * 31 % 251 for index in range(1 << 20)))
        os.makedirs(os.path.join(folder, "files", "cached"), exist_ok=True)
        with open(os.path.join(folder, "files", "cached", "100k"), "wb") as file:
            file.write(bytes(index * 37 % 251 for index in range(100_000)))
        os.makedirs(os.path.join(folder, "files", "stored"), exist_ok=True)
        for name, size in scenarios.STORED_SIZES.items():
            with open(os.path.join(folder, "files", "stored", name), "wb") as file:
                file.write((bytes(range(251)) * (size // 251 + 1))[:size])
        self.port, self.sink = free_port(), free_port()
        os.makedirs(os.path.join(folder, "files", "json"), exist_ok=True)
        for name, size in scenarios.JSON_SIZES.items():
            with open(os.path.join(folder, "files", "json", name), "wb") as file:
                file.write(scenarios.json_body(size))
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(ORIGIN.format(folder=folder, port=self.port, small=scenarios.SMALL_BODY))
        pin = ["taskset", "-c", cores]
        self.processes = [
            subprocess.Popen([*pin, "/usr/sbin/nginx", "-p", folder, "-c", path, "-e", "stderr"]),
            subprocess.Popen([*pin, sys.executable, os.path.join(peers.HERE, "sink.py"),
                              str(self.sink)]),
        ]
        for port in (self.port, self.sink):
            wait_for(port, self.failure)

    def failure(self):
        ended = [process for process in self.processes if process.poll() is not None]
        return "an origin has ended" if ended else None

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def start(peer, origins, workers=1, cores="0", connections=1024, tls=False, stores=False):
    ports = peers.Ports(free_port(), free_port(), origins.port, origins.sink,
                        free_port() if tls else 0, connections, stores)
    running = peers.Running(peer, ports, workers, cores)
    try:
        for port in [ports.listen] + [ports.tls] * tls:
            wait_for(port, running.failure)
    except RuntimeError:
        running.stop()
        raise
    return running


def fetch(port, path, fields=None, body=None, tls=False):
    request = urllib.request.Request(
        f"http{'s' * tls}://127.0.0.1:{port}{path}", data=body, headers=fields or {})
    try:
        context = secure.client() if tls else None
        with urllib.request.urlopen(request, timeout=30, context=context) as response:
            return response.status, decode(response)
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def decode(response):
    """The content as it was before any coding."""
    coding, content = response.headers.get("Content-Encoding"), response.read()
    if coding == "gzip":
        return gzip.decompress(content)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=content, capture_output=True,
                              check=True).stdout
    return content


def verify(running, scenario, origins):
    """Returns what is wrong with a proxy's answer, or None: before a single figure is taken."""
    direct_port = origins.sink if scenario.path == "/upload" else origins.port
    body = b"x" * scenario.body_size if scenario.body_size else None
    wanted = fetch(direct_port, scenario.path, scenario.fields, body)
    port = running.ports.tls if scenario.secure else running.ports.listen
    got = fetch(port, scenario.path, scenario.fields, body, scenario.secure)
    if wanted[0] != 200 or wanted[1] == b"":
        return f"the origin itself answered {wanted[0]}"
    if got != wanted:
        return f"answered {got[0]} with {len(got[1])} bytes, the origin {len(wanted[1])}"
    _, seen = fetch(running.ports.listen, "/forwarded", {"X-Forwarded-For": "203.0.113.9"})
    if b"203.0.113.9" not in seen:
        return f"the origin saw X-Forwarded-For: {seen!r}"
    if scenario.status != 200:
        again, _ = fetch(running.ports.listen, scenario.path, scenario.fields, body)
        if again != scenario.status:
            return f"answered {again}, not {scenario.status}"
    return None


def load(running, scenario, seconds, cores):
    """One run of a load program; a row with the proxy's CPU time for it, or with 'failed'."""
    command = ["taskset", "-c", cores, *load_command(running, scenario, seconds)]
    before, began = running.cpu_seconds(), time.monotonic()
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    after, elapsed = running.cpu_seconds(), time.monotonic() - began
    if problem := running.failure():
        return {"failed": problem}
    try:
        row = secure.row(run.stdout)
    except (IndexError, ValueError):
        return {"failed": (run.stderr or run.stdout)[-300:]}
    errors = row.pop("errors")
    if isinstance(errors, dict):
        errors = {kind: count for kind, count in errors.items() if count}
        if scenario.status >= 400:
            # wrk counts these as errors. One or two a minute pass the limit.
            others = row["requests"] - errors.pop("status", 0)
            if others > 2:
                errors["other statuses"] = others
    if errors or not row["requests"]:
        return {"failed": f"errors counted by the load program: {errors}"}
    user, system = after[0] - before[0], after[1] - before[1]
    return row | {
        "per_cpu_second": row["requests"] / max(user + system, 1e-9),
        "user_us": user / row["requests"] * 1e6, "system_us": system / row["requests"] * 1e6,
        "busy": (user + system) / elapsed}


def load_command(running, scenario, seconds):
    """What asks: wrk, or for one handshake a request our own program."""
    if scenario.version:
        return secure.handshakes(running.ports.tls, scenario.version, scenario.resume, seconds)
    script = os.path.join(peers.WORK, f"{scenario.name}.lua")
    with open(script, "w", encoding="utf-8") as file:
        file.write(scenarios.lua(scenario))
    scheme, port = ("https", running.ports.tls) if scenario.secure else \
        ("http", running.ports.listen)
    return ["wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "20s",
            "-s", script, f"{scheme}://127.0.0.1:{port}{scenario.path}"]


def compare(scenario, chosen, options, origins):
    """Interleaved rounds of one load scenario: {peer: {figure: median, ...}}."""
    running, rows, failed = {}, {}, {}
    if scenario.peers:
        chosen = [peer for peer in chosen if peer.name in scenario.peers]
    else:
        chosen = [peer for peer in chosen if peer.name not in scenarios.ONLY_CACHES]
    variants = [(peer.name, peer, 1) for peer in chosen]
    proxy_cores, load_cores = "0", "1"
    if scenario.name == "two":
        proxy_cores = load_cores = "0,1"
        variants = [(f"{peer.name}, {count} worker{'s'[:count - 1]}", peer, count)
                    for peer in chosen for count in (1, 2)]
        for process in origins.processes:
            pin_all(process.pid, {0, 1})
    try:
        for name, peer, workers in variants:
            rows[name] = []
            try:
                running[name] = start(peer, origins, workers, proxy_cores, tls=scenario.secure,
                                      stores=scenario.stores)
                problem = verify(running[name], scenario, origins)
                warm = load(running[name], scenario, 1, load_cores) if not problem else {}
                problem = problem or warm.get("failed")
            except RuntimeError as error:
                problem = str(error)
            if problem:
                failed[name] = problem
        for number in range(options.rounds):
            # Another order each round, so that no peer always runs after the same one.
            order = list(running)
            order = order[number % len(order):] + order[:number % len(order)] if order else []
            for name in order:
                if name in failed:
                    continue
                row = load(running[name], scenario, options.seconds, load_cores)
                if "failed" in row:
                    failed[name] = row["failed"]
                else:
                    rows[name].append(row)
                print(f"  {scenario.name:8} round {number + 1} {name:20} " + report.brief(row),
                      file=sys.stderr)
    finally:
        for one in running.values():
            one.stop()
        if scenario.name == "two":
            for process in origins.processes:
                pin_all(process.pid, {1})
    return {name: {"failed": failed[name]} if name in failed else medians(rows[name])
            for name in rows}


def pin_all(pid, cores):
    """Sets the cores of a process and its children."""
    below = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    for one in [pid, *map(int, below.split())]:
        os.sched_setaffinity(one, cores)


def medians(rows):
    result = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    figures = [row["per_cpu_second"] for row in rows]
    return result | {"lowest": min(figures), "highest": max(figures), "figures": figures}


def measure_start(peer, origins):
    """Memory when a proxy accepts and has been left alone for two seconds."""
    running = start(peer, origins)
    try:
        time.sleep(2)
        return running.memory()
    finally:
        running.stop()


def measure_idle(peer, origins, count=peers.IDLE_CONNECTIONS, park=PARK_SECONDS, tls=False):
    """Memory for each of many keep-alive connections that each had one request."""
    running, sockets = start(peer, origins, connections=count + 1000, tls=tls), []
    port, context = running.ports.listen, None
    if tls:
        port, context = running.ports.tls, secure.client()
    request = b"GET /small HTTP/1.1\r\nHost: bench.example\r\n\r\n"
    end = scenarios.SMALL_BODY.encode()

    def connect(*source):
        stream = socket.create_connection(("127.0.0.1", port), 10, *source)
        return context.wrap_socket(stream) if context else stream

    def ask(stream):
        stream.sendall(request)
        data = b""
        while not data.endswith(end):
            piece = stream.recv(65536)
            if not piece:
                raise RuntimeError("a connection was closed")
            data += piece

    try:
        # What the first requests allocate for good is not a connection's.
        for _ in range(200):
            with connect() as stream:
                ask(stream)
        time.sleep(2)
        before = running.memory()
        for index in range(count):
            # From several source addresses, or the ports of one might run out.
            stream = connect((f"127.0.0.{2 + index % 4}", 0))
            sockets.append(stream)
            ask(stream)
        at_once = running.memory()
        time.sleep(park)
        after = running.memory()
        for stream in (sockets[0], sockets[-1]):
            ask(stream)  # Still alive, or the figure would be of closed connections.
        return {"before": before["pss"], "after": after["pss"],
                "at_once": (at_once["pss"] - before["pss"]) / count,
                "parked": (after["pss"] - before["pss"]) / count,
                "parked_rss": (after["rss"] - before["rss"]) / count, "count": count}
    except (OSError, RuntimeError) as error:
        return {"failed": f"after {len(sockets)} connections: {error}"}
    finally:
        for stream in sockets:
            stream.close()
        running.stop()


def measure_latency(chosen, options, origins):
    """Latency on established TLS connections, in rounds that are interleaved like the others."""
    running, rounds, results = {}, {}, {}
    try:
        for peer in chosen:
            running[peer.name] = start(peer, origins, tls=True)
            rounds[peer.name] = []
        for number in range(options.rounds):
            order = list(running)
            for name in order[number % len(order):] + order[:number % len(order)]:
                rounds[name].append(secure.latency(running[name], options.seconds))
                print(f"  tlslatency round {number + 1} {name:12} {rounds[name][-1]}",
                      file=sys.stderr)
        results = {name: secure.medians(these) for name, these in rounds.items()}
    except (RuntimeError, subprocess.CalledProcessError) as error:
        results = {peer.name: {"failed": str(error)} for peer in chosen}
    finally:
        for one in running.values():
            one.stop()
    return results


def measure_soak(peer, origins, options):
    """Memory after a fifth and after all of a long load."""
    running, scenario = start(peer, origins), scenarios.ALL["browser"]
    try:
        first = load(running, scenario, options.soak // 5, "1")
        early = running.memory()
        second = load(running, scenario, options.soak - options.soak // 5, "1")
        late = running.memory()
        failed = first.get("failed") or second.get("failed")
        return {"failed": failed} if failed else {
            "early": early["rss"], "late": late["rss"], "seconds": options.soak,
            "requests": first["requests"] + second["requests"]}
    finally:
        running.stop()


def secure_peers(chosen):
    return [peer for peer in chosen if peer.name in ("gateway", "nginx", "haproxy")]


def each(function, chosen, name, *more):
    results = {}
    for peer in chosen:
        try:
            results[peer.name] = function(peer, *more)
        except RuntimeError as error:
            results[peer.name] = {"failed": str(error)}
        print(f"  {name:8} {peer.name:20} {results[peer.name]}", file=sys.stderr)
    return results


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*scenarios.ALL, *report.OTHERS]
    parser.add_argument("--scenarios", default=",".join(names), help="of " + ", ".join(names))
    parser.add_argument("--peers", default=",".join(peers.all_peers()))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one round")
    parser.add_argument("--soak", type=int, default=300, help="seconds of the soak")
    options = parser.parse_args(arguments)
    options.scenarios = options.scenarios.split(",")
    options.peers = options.peers.split(",")
    for name in options.scenarios:
        if name not in names:
            parser.error(f"there is no scenario '{name}'")
    for name in options.peers:
        if name not in peers.all_peers():
            parser.error(f"there is no peer '{name}'")
    options.everything = set(options.scenarios) == set(names) and \
        set(options.peers) == set(peers.all_peers()) and options.rounds >= 5
    return options


def main():
    options = parse(sys.argv[1:])
    os.makedirs(peers.WORK, exist_ok=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    known = peers.all_peers()
    missing = [name for name in options.peers if known[name].binary is None]
    chosen = [known[name] for name in options.peers if name not in missing]
    context = report.context(chosen, missing, options)
    print(context["warning"], file=sys.stderr) if context["warning"] else None
    origins, results = Origins("1"), {}
    ours = [peer for peer in chosen if peer.name == "gateway"]
    try:
        for name in options.scenarios:
            proxies = [peer for peer in chosen if peer.name not in scenarios.ONLY_CACHES]
            if name == "start":
                results[name] = each(measure_start, proxies, name, origins)
            elif name == "idle":
                results[name] = each(measure_idle, proxies, name, origins)
            elif name == "tlsidle":
                results[name] = each(measure_idle, secure_peers(chosen), name, origins,
                                     secure.IDLE_CONNECTIONS, PARK_SECONDS, True)
            elif name == "tlslatency":
                results[name] = measure_latency(secure_peers(chosen), options, origins)
            elif name == "soak":
                results[name] = each(measure_soak, ours or chosen, name, origins, options)
            else:
                these = (ours or chosen) if name == "two" else chosen
                wanted = scenarios.ALL[name].peers
                these = [peer for peer in these if not wanted or peer.name in wanted]
                results[name] = compare(scenarios.ALL[name], these, options, origins)
    finally:
        origins.stop()
    folder = peers.HERE if options.everything and not missing else peers.WORK
    report.write(folder, results, context)
    with open(os.path.join(folder, "RESULTS.md"), encoding="utf-8") as file:
        print(file.read())
    print(f"written to {folder}/RESULTS.md and {folder}/results.svg", file=sys.stderr)
    broken = [row for rows in results.values() for row in rows.values() if "failed" in row]
    return 1 if broken or missing else 0


if __name__ == "__main__":
    sys.exit(main())
