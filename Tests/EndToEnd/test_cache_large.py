"""Responses that are larger than memory takes: written while they are passed on, and sent from
their files."""

import concurrent.futures
import hashlib
import os
import pathlib
import resource
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest
from support.pki import PKI
from support.waiting import free_port, until
from support.wire import Incomplete, Wire, get
from test_cache_disk import files, metric, restart, written

SIZE = 6_000_000
LIMITS = "cache_object_size 1m\ncache_size 16m"


def content(target, number, size=SIZE):
    """Bytes that follow from the target and from how often it was asked for."""
    block = hashlib.shake_256(f"{target} {number}".encode()).digest(65_521)
    return (block * (size // len(block) + 1))[:size]


class Films:
    """An origin of large contents, which may be told to wait, to break off and what to say."""

    def __init__(self, make_origin):
        self.counts = {}
        self.conditional = 0
        self.lock = threading.Lock()
        self.fields = {"Cache-Control": "max-age=600", "ETag": '"v"'}
        self.is_chunked = False
        self.half_way = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.breaks = False
        self.answers_304 = False
        self.address = make_origin(self.script).address

    def script(self, connection):
        while (request := connection.next_request()) is not None:
            with self.lock:
                if request["If-None-Match"] and self.answers_304:
                    self.conditional += 1
                    connection.respond(status="304 Not Modified", **{
                        name.replace("-", "_"): value for name, value in self.fields.items()})
                    continue
                number = self.counts.get(request.target, 0) + 1
                self.counts[request.target] = number
            body = content(request.target, number)
            fields = dict(self.fields)
            if self.is_chunked:
                fields["Transfer-Encoding"] = "chunked"
            else:
                fields["Content-Length"] = str(len(body))
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            connection.send(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
            middle = len(body) // 2
            self.send(connection, body[:middle])
            self.half_way.set()
            assert self.go_on.wait(60)
            if self.breaks:
                connection.reset()
                return
            self.send(connection, body[middle:])
            if self.is_chunked:
                connection.send(b"0\r\n\r\n")

    def send(self, connection, data):
        if not self.is_chunked:
            connection.send(data)
            return
        for start in range(0, len(data), 100_000):
            piece = data[start:start + 100_000]
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


@pytest.fixture
def films(make_origin):
    return Films(make_origin)


def start(gateway, films, directory, size="256m", top="", site="cache", **more):
    text = gateway.configuration(
        films.address, top=f"cache_path {directory} {size} timeout=20s\n{LIMITS}\n{top}",
        site=site)
    return gateway.start(text, **more)


def fetch(gateway, target, number=1, **fields):
    answer = get(gateway.port, target, **fields)
    assert answer.status == 200 and answer.complete
    assert answer.body == content(target, number)
    return answer["Cache-Status"]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_it_is_written_as_it_comes_and_survives_kill_9(gateway, films, directory, chunked):
    films.is_chunked = chunked
    start(gateway, films, directory)
    assert "stored" in fetch(gateway, "/a")
    # At once, from where it is being written.
    assert "hit" in fetch(gateway, "/a")
    written(gateway, 1)
    assert [path.stat().st_size > SIZE for path in files(directory)] == [True]
    assert "hit" in fetch(gateway, "/a")
    restart(gateway)
    for _ in range(3):
        assert "hit" in fetch(gateway, "/a")
    assert films.counts == {"/a": 1}
    assert metric(gateway, "gateway_cache_disk_damaged_total") == 0


def test_ranges_conditions_and_head_are_answered_from_the_file(gateway, films, directory):
    start(gateway, films, directory)
    fetch(gateway, "/a")
    written(gateway, 1)
    restart(gateway)
    whole = content("/a", 1)
    for first, last in ((0, 0), (100, 70_000), (65_536, 131_071), (SIZE - 10, SIZE - 1),
                        (1_000_000, 3_333_333)):
        answer = get(gateway.port, "/a", Range=f"bytes={first}-{last}")
        assert answer.status == 206 and answer.body == whole[first:last + 1]
        assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert get(gateway.port, "/a", Range=f"bytes={SIZE}-").status == 416
    several = get(gateway.port, "/a", Range="bytes=0-9,2000000-2000009")
    assert several.status == 206 and whole[2_000_000:2_000_010] in several.body
    same = get(gateway.port, "/a", Range="bytes=5-9", If_Range='"v"')
    assert same.status == 206 and same.body == whole[5:10]
    other = get(gateway.port, "/a", Range="bytes=5-9", If_Range='"w"')
    assert other.status == 200 and other.body == whole
    assert get(gateway.port, "/a", If_None_Match='"v"').status == 304
    with gateway.client() as client:
        head = client.request("HEAD", "/a")
        assert head.status == 200 and head["Content-Length"] == str(SIZE)
        assert "hit" in head["Cache-Status"]
    assert films.counts == {"/a": 1}


def test_through_tls_it_is_sent_whole_too(gateway, films, directory, tmp_path):
    leaf = PKI(tmp_path).leaf("shop", "DNS:shop.example")
    port = free_port()
    site = (f"listen 127.0.0.1:{port} tls\ncertificate {leaf.path} {leaf.key_path}\ncache")
    start(gateway, films, directory, site=site)

    def secure(**fields):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            wire = Wire(context.wrap_socket(plain, server_hostname="shop.example"))
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            wire.send(f"GET /a HTTP/1.1\r\nHost: shop.example\r\n{lines}\r\n")
            return wire.read_response()

    assert secure().body == content("/a", 1)
    written(gateway, 1)
    restart(gateway)
    for _ in range(2):
        answer = secure()
        assert answer.body == content("/a", 1) and "hit" in answer["Cache-Status"]
    part = secure(Range="bytes=999999-2000000")
    assert part.body == content("/a", 1)[999_999:2_000_001]
    assert films.counts == {"/a": 1}


def test_those_who_come_meanwhile_get_it_as_it_comes(gateway, films, directory):
    films.go_on.clear()
    start(gateway, films, directory)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(fetch, gateway, "/a")
        assert films.half_way.wait(30)
        others = [pool.submit(fetch, gateway, "/a") for _ in range(7)]
        until(lambda: collapsed(gateway) == 7, "seven to follow")
        assert metric(gateway, "gateway_cache_disk_arriving_objects") == 1
        films.go_on.set()
        assert "stored" in first.result()
        assert all("collapsed" in other.result() for other in others)
    until(lambda: metric(gateway, "gateway_cache_disk_arriving_objects") == 0, "it to be stored")
    assert films.counts == {"/a": 1}


def collapsed(gateway):
    return sum(float(line.rsplit(" ", 1)[1]) for line in gateway.metrics().splitlines()
               if line.startswith("gateway_cache_") and '"collapsed"' in line)


def test_a_slow_client_delays_nobody_and_gets_all(gateway, films, directory):
    start(gateway, films, directory)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.sendall(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        # The origin has been read to the end although nobody has taken anything.
        written(gateway, 1)
        assert "hit" in fetch(gateway, "/a")
        body = b"".join(iter(lambda: slow.recv(1 << 16), b"")).split(b"\r\n\r\n", 1)[1]
    assert body == content("/a", 1)


def test_what_is_purged_while_it_is_sent_is_sent_whole(gateway, films, directory):
    start(gateway, films, directory, top="cache_purge from=127.0.0.0/8")
    fetch(gateway, "/a")
    written(gateway, 1)
    restart(gateway)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.sendall(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        begun = slow.recv(100)
        with gateway.client() as client:
            assert client.request("PURGE", "/a").status == 200
        until(lambda: not files(directory), "the file to go")
        assert "hit" not in fetch(gateway, "/a", 2)
        rest = b"".join(iter(lambda: slow.recv(1 << 16), b""))
    assert (begun + rest).split(b"\r\n\r\n", 1)[1] == content("/a", 1)


def test_a_full_disk_costs_the_file_and_not_the_response(gateway, films, directory):
    """A limit on the size of files is met like a full disk, in the middle of one."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    original = subprocess.Popen
    subprocess.Popen = lambda *a, **k: original(*a, preexec_fn=limit, **k)
    try:
        start(gateway, films, directory)
    finally:
        subprocess.Popen = original
    fetch(gateway, "/a")
    assert metric(gateway, "gateway_cache_disk_off") == 1
    fetch(gateway, "/a", 2)
    until(lambda: not list(directory.glob("new*")), "the rest to go")
    assert files(directory) == []


def test_kill_9_in_the_middle_leaves_nothing(gateway, films, directory):
    films.go_on.clear()
    start(gateway, films, directory)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, gateway.port, "/a")
        assert films.half_way.wait(30)
        until(lambda: list(directory.glob("new-*")), "the file to be begun")
        gateway.process.kill()
        gateway.process.wait()
        with pytest.raises((OSError, Incomplete)):
            assert asked.result().complete is False
            raise Incomplete
    films.go_on.set()
    gateway.start(gateway.file.read_text())
    assert not list(directory.glob("new*")) and files(directory) == []
    fetch(gateway, "/a", 2)
    written(gateway, 1)
    restart(gateway)
    assert "hit" in fetch(gateway, "/a", 2)


def test_a_fetch_that_breaks_off_is_not_stored(gateway, films, directory):
    start(gateway, films, directory)
    films.breaks = True
    try:
        assert not get(gateway.port, "/a").complete
    except (OSError, Incomplete):
        pass
    until(lambda: not list(directory.glob("new*")), "the file to go")
    films.breaks = False
    fetch(gateway, "/a", 2)


def test_a_304_renews_the_head_in_its_file(gateway, films, directory):
    films.fields = {"Cache-Control": "no-cache", "ETag": '"v"', "X-Round": "1"}
    start(gateway, films, directory)
    fetch(gateway, "/a")
    written(gateway, 1)
    [path] = files(directory)
    inode = path.stat().st_ino
    films.answers_304 = True
    for number in range(2, 6):
        films.fields["X-Round"] = str(number)
        answer = get(gateway.port, "/a")
        assert answer.body == content("/a", 1) and answer["X-Round"] == str(number)
        written(gateway, number)
    films.fields = {"Cache-Control": "max-age=600", "ETag": '"v"', "X-Round": "6"}
    assert get(gateway.port, "/a").body == content("/a", 1)
    written(gateway, 6)
    assert [path.stat().st_ino for path in files(directory)] == [inode]
    restart(gateway)
    answer = get(gateway.port, "/a")
    assert answer.body == content("/a", 1) and answer["X-Round"] == "6"
    assert answer["Cache-Status"].startswith("gateway; hit")
    assert films.counts == {"/a": 1} and films.conditional == 5


def test_the_size_holds_for_large_ones(gateway, films, directory):
    start(gateway, films, directory, size="32m")
    for number in range(12):
        fetch(gateway, f"/n{number}")
    until(lambda: metric(gateway, "gateway_cache_disk_queue_objects") == 0, "all to be written")
    assert metric(gateway, "gateway_cache_disk_used_bytes") <= 32 << 20
    assert metric(gateway, "gateway_cache_disk_evictions_total") >= 7
    assert sum(path.stat().st_size for path in files(directory)) <= 32 << 20


def test_what_is_larger_than_the_limit_is_passed_on(gateway, films, directory):
    start(gateway, films, directory, size="256m object_size=5m")
    for chunked in (False, True):
        films.is_chunked = chunked
        target = f"/{chunked}"
        assert "stored" not in fetch(gateway, target) or chunked
        assert "hit" not in fetch(gateway, target, 2)
    until(lambda: not list(directory.glob("new*")), "nothing to be left")
    assert files(directory) == []


def test_damage_is_found_before_it_is_sent(gateway, films, directory):
    start(gateway, films, directory)
    fetch(gateway, "/a")
    written(gateway, 1)
    gateway.process.kill()
    gateway.process.wait()
    [path] = files(directory)
    with path.open("r+b") as file:
        file.seek(3_000_000)
        byte = file.read(1)[0]
        file.seek(3_000_000)
        file.write(bytes([byte ^ 1]))
    gateway.start(gateway.file.read_text())
    try:
        answer = get(gateway.port, "/a")
        assert not answer.complete and content("/a", 1).startswith(answer.body)
    except (OSError, Incomplete):
        pass
    assert metric(gateway, "gateway_cache_disk_damaged_total") == 1
    until(lambda: not files(directory), "the file to go")
    assert "hit" not in fetch(gateway, "/a", 2)


def test_a_file_system_that_cannot_read_without_waiting(gateway, films):
    """That of memory is one, where it is not a newer one; NFS is another."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        directory = pathlib.Path(folder)
        films.is_chunked = True
        start(gateway, films, directory)
        fetch(gateway, "/a")
        assert "hit" in fetch(gateway, "/a")
        written(gateway, 1)
        assert "hit" in fetch(gateway, "/a")
        restart(gateway)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            hits = [pool.submit(fetch, gateway, "/a") for _ in range(8)]
            assert all("hit" in hit.result() for hit in hits)
        part = get(gateway.port, "/a", Range="bytes=300001-5000000")
        assert part.body == content("/a", 1)[300_001:5_000_001]
        assert films.counts == {"/a": 1}
        gateway.process.kill()
        gateway.wait_for_exit()


def test_a_reload_to_another_directory_cuts_nothing_short(gateway, films, directory, tmp_path):
    start(gateway, films, directory, top="workers 1", site="cache\nbandwidth_limit 2m/s")
    fetch(gateway, "/a")
    written(gateway, 1)
    restart(gateway)
    moved = tmp_path / "moved"
    moved.mkdir()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as slow:
        slow.sendall(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        begun = slow.recv(100)
        # Most of it has neither been read nor held against its checksums.
        gateway.reload_and_wait(gateway.file.read_text().replace(str(directory), str(moved)))
        rest = b"".join(iter(lambda: slow.recv(1 << 16), b""))
    assert (begun + rest).split(b"\r\n\r\n", 1)[1] == content("/a", 1)
    assert (moved / "journal").exists() and len(files(directory)) == 1


def test_memory_holds_no_more_than_is_on_its_way(gateway, make_origin, directory):
    """A hundred megabytes, to a client that takes them as they come and to one that does not."""
    size = 100 << 20
    piece = os.urandom(1 << 20)

    def script(connection):
        while connection.next_request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
                            b"Content-Length: %d\r\n\r\n" % size)
            for _ in range(size >> 20):
                connection.send(piece)

    text = gateway.configuration(
        make_origin(script).address,
        top=f"cache_path {directory} 1g timeout=20s\n{LIMITS}\nworkers 1", site="cache")
    gateway.start(text)
    before = gateway.resident_bytes()

    def take():
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            count = 0
            while data := client.recv(1 << 20):
                count += len(data)
            return count

    assert take() > size
    written(gateway, 1)
    assert take() > size
    peak = next(int(line.split()[1]) * 1024
                for line in open(f"/proc/{gateway.process.pid}/status", encoding="ascii")
                if line.startswith("VmHWM"))
    assert peak - before < 32 << 20
