"""Authorities and certificates of all kinds, made by the openssl program."""

import subprocess
from datetime import datetime, timedelta, timezone

EXTENSIONS = """[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def openssl(*arguments, content=None):
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=content, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Certificate:
    """A certificate with its key, both as files and as PEM text."""

    def __init__(self, directory, name):
        self.path = directory / f"{name}.pem"
        self.key_path = directory / f"{name}.key"
        self.name = name

    @property
    def pem(self):
        return self.path.read_text()


class PKI:
    """A root, an intermediate below it, and leaves below that."""

    def __init__(self, directory):
        self.directory = directory
        self._extensions = directory / "extensions.cnf"
        self._extensions.write_text(EXTENSIONS)
        self.root = self.make("Test Root", None, "authority")
        self.intermediate = self.make("Test Intermediate", self.root, "authority")

    def leaf(self, name, *names, kind="ec", issuer=None, starts=-1, days=90, extra=""):
        """A server certificate. `starts` and `days` count from now; `names` as openssl has them."""
        names = names or (f"DNS:{name}",)
        section = f"leaf-{name}-{kind}-{days}"
        with self._extensions.open("a") as file:
            file.write(f"\n[{section}]\nbasicConstraints=CA:FALSE\n"
                       f"subjectAltName={','.join(names)}\n"
                       "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" + extra + "\n")
        return self.make(
            name, issuer or self.intermediate, section, kind=kind, starts=starts, days=days)

    def chain(self, *certificates):
        """A file with some certificates in this order."""
        path = self.directory / ("-".join(each.name for each in certificates) + ".chain.pem")
        path.write_text("".join(each.pem for each in certificates))
        return path

    def make(self, name, issuer, section, kind="ec", starts=-1, days=3650):
        made = Certificate(self.directory, name.replace(" ", "-").replace("*", "_") + f"-{kind}")
        algorithm = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        if kind == "rsa":
            algorithm = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", *algorithm, "-out", made.key_path)
        request = openssl("req", "-new", "-key", made.key_path, "-subj", f"/CN={name}")
        # `openssl ca` alone can set both dates.
        database = self.directory / "database"
        database.mkdir(exist_ok=True)
        (database / "index").touch()
        (database / "index.attr").write_text("unique_subject = no\n")
        settings = self.directory / "ca.cnf"
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={database}/index\nnew_certs_dir={database}\n"
            "default_md=sha256\npolicy=any\nrand_serial=yes\nunique_subject=no\n"
            "[any]\ncommonName=supplied\n")
        file = self.directory / "request.pem"
        file.write_bytes(request)
        now = datetime.now(timezone.utc)
        signer = (["-cert", issuer.path, "-keyfile", issuer.key_path] if issuer
                  else ["-selfsign", "-keyfile", made.key_path])
        openssl(
            "ca", "-batch", "-notext", "-config", settings, "-in", file, "-out", made.path,
            "-extfile", self._extensions, "-extensions", section, *signer,
            "-startdate", _time(now + timedelta(days=starts)),
            "-enddate", _time(now + timedelta(days=days)))
        return made


def _time(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")
