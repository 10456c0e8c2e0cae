"""Real Redis servers that a test may stop, pause and start again: alone, as a cluster, or watched
by a sentinel."""

import os
import re
import signal
import subprocess

from .waiting import accepts, connect, free_port, until


class Redis:
    """One server; with `tls`, a leaf of a `PKI`, it speaks nothing else."""

    def __init__(self, directory, *options, port=None, tls=None, authority=None):
        self.directory = directory
        self.port = port or free_port()
        self.options = [str(option) for option in options]
        self.tls = tls
        self.authority = authority
        if tls:
            self.options += [
                "--tls-port", str(self.port), "--tls-cert-file", str(tls.path), "--tls-key-file",
                str(tls.key_path), "--tls-ca-cert-file", str(authority.path)]
            if "--tls-auth-clients" not in self.options:
                self.options += ["--tls-auth-clients", "no"]
        self.process = None
        self.start()

    @property
    def url(self):
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}"

    def start(self):
        plain = "0" if self.tls else str(self.port)
        with (self.directory / f"redis-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", plain, "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", str(self.directory), *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until(lambda: accepts(self.port), "Redis to listen")

    def command(self, *words):
        """What the server answers, as it stands on the wire."""
        with connect(self.port) as connection:
            parts = [str(word).encode() for word in words]
            lines = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            connection.sendall(b"*%d\r\n" % len(parts) + lines)
            return connection.recv(1 << 20).decode(errors="replace")

    def words(self, *words):
        """The answer's lines, as redis-cli shows them."""
        command = ["redis-cli", "-p", str(self.port)]
        if self.tls:
            command += ["--tls", "--cacert", str(self.authority.path)]
        done = subprocess.run(
            [*command, *map(str, words)], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.split("\n")[:-1]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.process = None


class Cluster:
    """Three masters that share the slots."""

    def __init__(self, directory):
        self.directory = directory
        self.nodes = []
        for _ in range(3):
            self.add()
        bounds = [(0, 5460), (5461, 10922), (10923, 16383)]
        for node, (first, last) in zip(self.nodes, bounds):
            assert "OK" in node.command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            self.meet(node)
        self.settle()

    def add(self):
        port, bus = free_port(), free_port()
        node = Redis(
            self.directory, "--cluster-enabled", "yes", "--cluster-config-file",
            # Nobody is taken for dead because the machine is busy.
            f"nodes-{port}.conf", "--cluster-port", bus, "--cluster-node-timeout", "5000",
            port=port)
        node.bus = bus
        self.nodes.append(node)
        return node

    def meet(self, node):
        first = self.nodes[0]
        assert "OK" in node.command("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus)

    def settle(self):
        """Waits until every node knows all others, and that every slot has a server."""
        def is_settled(node):
            info = node.command("CLUSTER", "INFO")
            return (f"cluster_known_nodes:{len(self.nodes)}" in info
                    and "cluster_state:ok" in info)
        for node in self.nodes:
            until(lambda: is_settled(node), "the cluster", 30)

    @staticmethod
    def identity(node):
        return node.words("CLUSTER", "MYID")[0]

    def slot(self, key):
        return int(self.nodes[0].words("CLUSTER", "KEYSLOT", key)[0])

    def owner(self, key):
        """The master that has a key's slot."""
        slot = self.slot(key)
        return next(node for node, last in zip(self.nodes, [5460, 10922, 16383]) if slot <= last)

    def kill(self):
        for node in self.nodes:
            node.kill()


class Sentinel(Redis):
    """A sentinel that watches one master alone, and acts soon."""

    def __init__(self, directory, master, name="mymaster", password=""):
        port = free_port()
        self.file = directory / f"sentinel-{port}.conf"
        lines = [
            f"port {port}", "bind 127.0.0.1", f"dir {directory}",
            f"sentinel monitor {name} 127.0.0.1 {master.port} 1",
            # Long enough that nobody is taken for dead because the machine is busy.
            f"sentinel down-after-milliseconds {name} 2000",
            f"sentinel failover-timeout {name} 3000",
        ]
        if password:
            lines.append(f"requirepass {password}")
        self.file.write_text("\n".join(lines) + "\n")
        self.name = name
        super().__init__(directory, port=port)

    def start(self):
        with (self.directory / f"redis-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", str(self.file), "--sentinel"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until(lambda: accepts(self.port), "the sentinel to listen")

    def master(self):
        """The port of the master as it says."""
        return int(self.words("SENTINEL", "get-master-addr-by-name", self.name)[1])


def replicate(master, replica):
    """Waits until the replica has everything that the master has written so far."""
    def offset(server, name):
        return int(re.search(rf"{name}:(\d+)", server.command("INFO", "replication"))[1])
    written = offset(master, "master_repl_offset")
    until(lambda: offset(replica, "slave_repl_offset") >= written, "the replica")


def is_installed():
    return any(os.access(os.path.join(folder, "redis-server"), os.X_OK)
               for folder in os.environ.get("PATH", "").split(os.pathsep))
