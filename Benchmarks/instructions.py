"""Instructions of user space per request, by callgrind; see callgrind.sh.

One connection asks N times in one run and 2N times in another; the difference divided by N leaves
out what starting and stopping cost. For `connect` each request has a connection of its own.
"""

import glob
import os
import re
import shutil
import socket
import subprocess
import sys

import bench
import handshakes
import peers
import scenarios
import secure


def ask(stream, data):
    """Sends one request and reads the response."""
    stream.sendall(data)
    seen = b""
    while True:
        piece = stream.recv(1 << 20)
        if not piece:
            raise RuntimeError("the connection was closed")
        seen += piece
        head, end, content = seen.partition(b"\r\n\r\n")
        if end:
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if len(content) >= int(length.group(1)):
                return


def request(scenario):
    fields = "".join(f"{name}: {value}\r\n" for name, value in scenario.fields.items())
    return f"GET {scenario.path} HTTP/1.1\r\nHost: bench.example\r\n{fields}\r\n".encode()


def drive(ports, scenario, requests):
    """Sends all requests, one after the other."""
    if scenario.version:
        context, session = secure.client(scenario.version), None
        for _ in range(requests):
            right, following = handshakes.exchange(ports.tls, context, session)
            if not right:
                raise RuntimeError("a handshake was of another kind")
            session = following if scenario.resume else None
        return
    data = request(scenario)
    port = ports.tls if scenario.secure else ports.listen
    if scenario.fields.get("Connection") == "close":
        for _ in range(requests):
            with socket.create_connection(("127.0.0.1", port), 60) as stream:
                ask(stream, data)
                if stream.recv(1):
                    raise RuntimeError("the connection was to be closed")
        return
    with socket.create_connection(("127.0.0.1", port), 60) as stream:
        if scenario.secure:
            stream = secure.client().wrap_socket(stream)
        for _ in range(requests):
            ask(stream, data)


def count(peer, scenario, origins, requests):
    """All instructions of one life of the proxy, and the output file of its busiest process."""
    folder = os.path.join(peers.WORK, "callgrind")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    # nginx's worker is another user's by then.
    os.chmod(folder, 0o777)
    # Debian's valgrind gives up at the debugging information of clang's C++; the names stay.
    stripped = os.path.join(folder, os.path.basename(peer.binary))
    binary = shutil.which(peer.binary)
    subprocess.run(["strip", "--strip-debug", "-o", stripped, binary], check=True)
    wrapper = os.path.join(folder, "under-callgrind")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec valgrind --tool=callgrind --quiet --trace-children=yes "
                   f"--callgrind-out-file={folder}/out.%p '{stripped}' \"$@\"\n")
    os.chmod(wrapper, 0o755)
    real, peer.binary = peer.binary, wrapper
    try:
        running = bench.start(peer, origins, tls=scenario.secure)
    finally:
        peer.binary = real
    try:
        drive(running.ports, scenario, requests)
    finally:
        running.stop()
    totals = {}
    for path in glob.glob(f"{folder}/out.*"):
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
        totals[path] = int(found[-1]) if found else 0
    return sum(totals.values()), max(totals, key=totals.get)


def main():
    scenario, peer = scenarios.ALL[sys.argv[1]], peers.all_peers()[sys.argv[2]]
    requests = int(sys.argv[3])
    small = ("/small", "/browser", "/limited", "/limited5", "/refused", "/cached/small")
    if scenario.path not in small:
        sys.exit("only for small, browser, limited, limited5, refused, connect and hit: "
                 "the others are the kernel's work")
    origins = bench.Origins("1")
    try:
        once, _ = count(peer, scenario, origins, requests)
        twice, path = count(peer, scenario, origins, 2 * requests)
    finally:
        origins.stop()
    print(f"{peer.name}, {scenario.name}: {(twice - once) / requests:,.0f} instructions a request")
    annotated = subprocess.run(["callgrind_annotate", path], capture_output=True, text=True).stdout
    print("\n".join(annotated.splitlines()[:60]))


if __name__ == "__main__":
    main()
