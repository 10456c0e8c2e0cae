"""Certificates that a test makes itself, with the openssl command."""

import subprocess

KINDS = {
    "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["rsa:2048"],
}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def make(directory, name, kind="ecdsa", hosts=("localhost",), file=None):
    """A self-signed certificate; returns the paths of certificate and key."""
    chain = directory / f"{file or name}.pem"
    key = directory / f"{file or name}.key"
    names = ",".join([f"DNS:{host}" for host in hosts] + ["IP:127.0.0.1"])
    openssl("req", "-x509", "-nodes", "-days", "90", "-subj", f"/CN={name}", "-newkey",
            *KINDS[kind], "-addext", f"subjectAltName={names}", "-keyout", key, "-out", chain)
    return chain, key
