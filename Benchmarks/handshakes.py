"""The load over TLS that wrk cannot make: handshakes of one kind, and paced requests.

Prints one row of figures as JSON behind '@@', as the script of wrk does (see scenarios.py).
"""

import argparse
import concurrent.futures
import json
import os
import socket
import ssl
import time

import scenarios
import secure

CLIENTS = 3
# Of `--probe`: connections, and requests a second over all of them.
PROBE_CONNECTIONS = 16
PROBE_RATE = 500
END = scenarios.SMALL_BODY.encode()


def request(last):
    close = b"Connection: close\r\n" if last else b""
    return b"GET /small HTTP/1.1\r\nHost: bench.example\r\n" + close + b"\r\n"


def connect(port, context, session=None):
    raw = socket.create_connection(("127.0.0.1", port), 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, session=session, suppress_ragged_eofs=False)


def read(connection, to_end):
    """Reads a response; to the end of the connection, if asked, which has to be a farewell."""
    data = b""
    while to_end or not data.endswith(END):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data.startswith(b"HTTP/1.1 200") and data.endswith(END)


def exchange(port, context, session):
    """One connection with one request: whether all was right, and the session for the next one."""
    with connect(port, context, session) as connection:
        connection.sendall(request(last=True))
        right = read(connection, to_end=True)
        right &= connection.session_reused == (session is not None)
        following = connection.session
        connection.unwrap().close()
    return right, following


def handshakes(options, number):
    """One client's handshakes, one after the other: latencies in seconds, and how many failed."""
    context = secure.client(options.version)
    session, taken, failed = None, [], 0
    interval = CLIENTS / options.rate if options.rate else 0
    due = time.monotonic() + interval * number / CLIENTS
    end = time.monotonic() + options.seconds
    while (began := time.monotonic()) < end:
        if interval:
            time.sleep(max(0, due - began))
            due, began = due + interval, time.monotonic()
        try:
            # The first has nothing to take up, and is not counted.
            counts = session is not None or not options.resume
            right, following = exchange(options.port, context, session)
            session = following if options.resume else None
        except (OSError, ssl.SSLError):
            right, counts, session = False, True, None
        failed += not right
        if right and counts:
            taken.append(time.monotonic() - began)
    return taken, failed


def probe(options):
    """Paced requests on connections that are established."""
    context = secure.client("1.3")
    held = [connect(options.port, context) for _ in range(PROBE_CONNECTIONS)]
    taken, failed = [], 0
    for connection in held:
        connection.sendall(request(last=False))
        failed += not read(connection, to_end=False)
    count = options.seconds * PROBE_RATE
    start = time.monotonic()
    for number in range(count):
        due = start + number / PROBE_RATE
        time.sleep(max(0, due - time.monotonic()))
        connection, began = held[number % len(held)], time.monotonic()
        connection.sendall(request(last=False))
        failed += not read(connection, to_end=False)
        taken.append(time.monotonic() - began)
    return taken, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", default="1.3")
    parser.add_argument("--resume", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rate", type=int, default=0, help="a second; 0: as many as go")
    parser.add_argument("--probe", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    if options.probe:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        taken, failed = probe(options)
    else:
        with concurrent.futures.ProcessPoolExecutor(CLIENTS) as pool:
            runs = list(pool.map(handshakes, [options] * CLIENTS, range(CLIENTS)))
        taken = [one for run in runs for one in run[0]]
        failed = sum(run[1] for run in runs)
    elapsed, taken = time.monotonic() - began, sorted(taken) or [0]
    print("@@" + json.dumps({
        "requests": len(taken), "duration": elapsed, "per_second": len(taken) / elapsed,
        "bytes": len(taken) * len(END), "p50_us": taken[len(taken) // 2] * 1e6,
        "p99_us": taken[len(taken) * 99 // 100] * 1e6, "errors": failed}))


if __name__ == "__main__":
    main()
