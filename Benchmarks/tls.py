#!/usr/bin/env python3
"""TLS beside nginx: the same OpenSSL, certificate (ECDSA P-256) and protocol, one worker on core 0.

  Benchmarks/tls.py [seconds for each figure]

Prints processor time per request and the ratio nginx / gateway: above 1 the gateway is cheaper.
Idle memory is the resident memory that 2,000 connections add, each after one request.
"""

import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GATEWAY = os.environ.get("GATEWAY_BINARY") or os.path.join(HERE, "../.build/release/gateway")
IDLE = 2000

ORIGIN = """
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{origin}; root {folder};
        location /small {{ return 200 "{body}"; }} }}
}}
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {folder}/c.pem; ssl_certificate_key {folder}/c.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_conf_command Ciphersuites
            TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;
        ssl_prefer_server_ciphers on;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        location / {{ proxy_pass http://origin; }}
    }}
}}
"""
CONFIGURATION = """
workers 1
access_log off
timeout idle=10m
limit connections=8192
upstream origin {{ server 127.0.0.1:{origin}; keepalive connections=256 }}
site * {{
    listen 127.0.0.1:{port} tls
    certificate {folder}/c.pem {folder}/c.key
    proxy origin
}}
"""


def tree(pid):
    found, frontier = [], [pid]
    while frontier:
        found.append(frontier.pop())
        for task in os.listdir(f"/proc/{found[-1]}/task"):
            with open(f"/proc/{found[-1]}/task/{task}/children", encoding="ascii") as children:
                frontier += [int(child) for child in children.read().split()]
    return found


def cpu(pid):
    total = 0
    for each in tree(pid):
        with open(f"/proc/{each}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident(pid):
    total = 0
    for each in tree(pid):
        with open(f"/proc/{each}/statm", encoding="ascii") as statm:
            total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def wrk(pid, port, path, connections, seconds, *fields):
    """Microseconds of the proxy's processor per request."""
    before = cpu(pid)
    run = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         *[part for field in fields for part in ("-H", field)], f"https://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True)
    requests = int(re.search(r"(\d+) requests in", run.stdout).group(1))
    errors = re.search(r"Socket errors: .*|Non-2xx.*", run.stdout)
    if errors:
        print(f"  {path}: {errors.group(0)}", file=sys.stderr)
    return (cpu(pid) - before) * 1e6 / requests


def full(pid, port, path, seconds):
    """Microseconds for each connection with a full handshake and one request.

    Not by wrk, whose connections take the session of the one before up again.
    """
    before = cpu(pid)
    runs = [subprocess.Popen(
        ["taskset", "-c", "1", "openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new",
         "-time", str(seconds), "-www", path],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(3)]
    said = "".join(run.communicate()[0] for run in runs)
    count = sum(int(each) for each in re.findall(r"(\d+) connections in \d+ real", said))
    return (cpu(pid) - before) * 1e6 / count


def client():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(port, context, session=None):
    raw = socket.create_connection(("127.0.0.1", port))
    connection = context.wrap_socket(raw, session=session)
    connection.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.recv(65536)
    return connection


def resumed(pid, port, count):
    """Microseconds for each connection that takes a session up, with one request."""
    context = client()
    session = None
    first = ask(port, context)
    session = first.session
    first.close()
    before, reused = cpu(pid), 0
    for _ in range(count):
        connection = ask(port, context, session)
        reused += connection.session_reused
        session = connection.session
        connection.close()
    if reused < count:
        print(f"  only {reused} of {count} resumed", file=sys.stderr)
    return (cpu(pid) - before) * 1e6 / count


def idle(pid, port):
    """Bytes that each idle connection adds."""
    context = client()
    warm = [ask(port, context) for _ in range(20)]
    before = resident(pid)
    held = [ask(port, context) for _ in range(IDLE)]
    time.sleep(3)
    result = (resident(pid) - before) / IDLE
    for connection in warm + held:
        connection.close()
    return result


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    folder = tempfile.mkdtemp(prefix="gateway-tls-bench-")
    os.chmod(folder, 0o755)
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=localhost",
         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", f"{folder}/c.key",
         "-out", f"{folder}/c.pem"], check=True, capture_output=True)
    with open(f"{folder}/1m", "wb") as file:
        file.write(b"x" * (1 << 20))
    base = 20000 + os.getpid() % 20000
    values = {"folder": folder, "origin": base, "body": "0123456789" * 12}
    started = []

    def start(name, text, core, command, port=None):
        path = f"{folder}/{name}.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(**values, port=port))
        started.append(subprocess.Popen(
            ["taskset", "-c", core, *command, path], stdout=subprocess.DEVNULL))
        time.sleep(1.5)
        return started[-1].pid

    nginx = ["/usr/sbin/nginx", "-p", folder, "-e", "stderr", "-c"]
    try:
        start("origin", ORIGIN, "1", nginx)
        pids = {
            "nginx": (start("nginx", NGINX, "0", nginx, base + 1), base + 1),
            "gateway": (
                start("gateway", CONFIGURATION, "0", [GATEWAY, "run", "--config"], base + 2),
                base + 2),
        }
        figures = {
            "keep-alive, 120 bytes": lambda pid, port: wrk(pid, port, "/small", 64, seconds),
            "full handshake": lambda pid, port: full(pid, port, "/small", seconds),
            "resumed handshake": lambda pid, port: resumed(pid, port, 300 * seconds),
            "1 MiB": lambda pid, port: wrk(pid, port, "/1m", 16, seconds),
        }
        for name, measure in figures.items():
            taken = {peer: measure(*where) for peer, where in pids.items()}
            print(f"{name:24} nginx {taken['nginx']:8.1f} µs   "
                  f"gateway {taken['gateway']:8.1f} µs   "
                  f"{taken['nginx'] / taken['gateway']:.2f} ×", flush=True)
        held = {peer: idle(*where) for peer, where in pids.items()}
        print(f"{'idle connection':24} nginx {held['nginx']:8.0f} B    "
              f"gateway {held['gateway']:8.0f} B    {held['gateway'] / held['nginx']:.0%}")
    finally:
        for process in started:
            process.terminate()


if __name__ == "__main__":
    main()
