"""TLS beside nginx and HAProxy: what each listens with, and latency while handshakes arrive.

All show one certificate (ECDSA P-256, made here), speak TLS 1.2 and 1.3, prefer AES-128-GCM, and
use the system's OpenSSL. Tickets are as each has them by default.
"""

import json
import os
import ssl
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "work", "tls")
# Handshakes a second that the other connections have to bear.
RATE = 200
IDLE_CONNECTIONS = 2_000
SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
# Mozilla's intermediate ones, as the gateway has them by default.
CIPHERS = ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
           "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305")

NGINX = """
        listen 127.0.0.1:{port} ssl reuseport backlog=4096;
        ssl_certificate {folder}/chain.pem;
        ssl_certificate_key {folder}/chain.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {ciphers};
        ssl_conf_command Ciphersuites {suites};
        ssl_prefer_server_ciphers on;
"""
HAPROXY = """
    bind 127.0.0.1:{port} backlog 4096 ssl crt {folder}/both.pem ssl-min-ver TLSv1.2 \
ciphers {ciphers} ciphersuites {suites}
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
"""
GATEWAY = """
    listen 127.0.0.1:{port} tls
    certificate {folder}/chain.pem {folder}/chain.key
"""


def listener(peer, port):
    """What a peer's configuration has for TLS; nothing where no port is wanted."""
    family = peer.split("-", maxsplit=1)[0]
    template = {"nginx": NGINX, "haproxy": HAPROXY, "gateway": GATEWAY}.get(family)
    if not port or template is None:
        return ""
    return template.format(port=port, folder=_certificate(), ciphers=CIPHERS, suites=SUITES)


def _certificate():
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    chain, key = f"{FOLDER}/chain.pem", f"{FOLDER}/chain.key"
    if not os.path.exists(f"{FOLDER}/both.pem"):
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=bench.example",
             "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", key,
             "-out", chain], check=True, capture_output=True)
        with open(f"{FOLDER}/both.pem", "w", encoding="ascii") as both:
            for path in (chain, key):
                with open(path, encoding="ascii") as part:
                    both.write(part.read())
    return FOLDER


def client(version=None):
    """A client's context that believes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = {
            "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    return context


def handshakes(port, version, resume, seconds, rate=0):
    """The command that makes handshakes, each with one request, and prints a row behind '@@'."""
    return [sys.executable, os.path.join(HERE, "handshakes.py"), "--port", str(port),
            "--version", version, "--resume", str(int(resume)), "--seconds", str(seconds),
            "--rate", str(rate)]


def row(output):
    """The row that a load program printed behind '@@'."""
    return json.loads(output.split("@@", 1)[1])


def _probe(port, seconds):
    command = ["taskset", "-c", "1", sys.executable, os.path.join(HERE, "handshakes.py"),
               "--port", str(port), "--probe", "1", "--seconds", str(seconds)]
    return row(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def latency(running, seconds):
    """One round: latency of paced requests on established connections, without and with handshakes.

    The handshakes' client has the lowest priority, so that it does not delay who measures.
    """
    port = running.ports.tls
    quiet = _probe(port, seconds)
    load = subprocess.Popen(
        ["taskset", "-c", "1", "nice", "-n", "19",
         *handshakes(port, "1.3", False, seconds + 1, RATE)],
        stdout=subprocess.PIPE, text=True)
    try:
        busy = _probe(port, seconds)
    finally:
        made = row(load.communicate()[0])
    return {"quiet_p50": quiet["p50_us"], "quiet_p99": quiet["p99_us"],
            "busy_p50": busy["p50_us"], "busy_p99": busy["p99_us"],
            "ratio": busy["p99_us"] / max(1, quiet["p99_us"]),
            "handshakes": made["per_second"],
            "errors": quiet["errors"] + busy["errors"] + made["errors"]}


def medians(rounds):
    """The figures of all rounds as one, or what went wrong."""
    if errors := sum(one["errors"] for one in rounds):
        return {"failed": f"{errors} requests failed"}
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
