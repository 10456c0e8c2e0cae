"""The disk behind the cache: restarts, crashes, damage, a full disk, purges."""

import concurrent.futures
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import threading

import pytest
from support.gateway import Gateway, run_command
from support.waiting import until
from support.wire import Incomplete, get

TOKEN = "0123456789abcdef-token"


class Store:
    """An origin whose answers say how often they were asked for, and are known by heart."""

    def __init__(self):
        self.counts = {}
        self.lock = threading.Lock()
        self.fields = {"Cache_Control": "max-age=600"}

    def script(self, connection):
        while (request := connection.next_request()) is not None:
            with self.lock:
                number = self.counts.get(request.target, 0) + 1
                self.counts[request.target] = number
            fields = dict(self.fields)
            if request.target.startswith("/vary"):
                fields["Vary"] = "X-Color"
            color = request["X-Color"] or ""
            connection.respond(self.body(request.target, number, color), **fields)

    @staticmethod
    def body(target, number, color=""):
        """Bytes that follow from the target and the number, of a size that the target names."""
        size = int(target.rsplit("/", 1)[1]) if target.rsplit("/", 1)[1].isdigit() else 0
        start = f"{target} {number} {color}\n".encode()
        filler = random.Random(f"{target} {number} {color}").randbytes(max(0, size - len(start)))
        return start + filler

    def is_whole(self, target, content, color=""):
        """Whether a content is one that was given once."""
        with self.lock:
            last = self.counts.get(target, 0)
        return any(content == self.body(target, n, color) for n in range(last, 0, -1))


@pytest.fixture
def store(make_origin):
    store = Store()
    store.address = make_origin(store.script).address
    return store


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


def start(gateway, store, directory, size="64m", top="", site="cache", **more):
    text = gateway.configuration(
        store.address, top=f"cache_path {directory} {size} timeout=5s\n{top}", site=site
    )
    return gateway.start(text, **more)


def restart(gateway, *, how=signal.SIGKILL):
    gateway.process.send_signal(how)
    gateway.process.wait(timeout=15)
    gateway.start(gateway.file.read_text())


def metric(gateway, name, labels=""):
    for line in gateway.metrics().splitlines():
        if line.startswith(name + labels + " "):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def written(gateway, count):
    name = "gateway_cache_disk_writes_total"
    until(lambda: metric(gateway, name, '{result="written"}') >= count, f"{count} written")


def files(directory):
    return [path for path in directory.glob("objects-*/*/*") if path.is_file()]


def test_objects_survive_kill_9_with_their_age(gateway, store, directory):
    start(gateway, store, directory)
    first = [gateway.get(path) for path in ("/a/10", "/b/100000", "/c/3000000")]
    written(gateway, 3)
    restart(gateway)
    for path, before in zip(("/a/10", "/b/100000", "/c/3000000"), first):
        after = gateway.get(path)
        assert after.body == before.body
        assert "hit" in after["Cache-Status"] and "detail=disk" in after["Cache-Status"]
        assert int(after["Age"]) >= 0
        assert after["Date"] == before["Date"]
        assert "detail" not in gateway.get(path)["Cache-Status"]
    assert store.counts == {"/a/10": 1, "/b/100000": 1, "/c/3000000": 1}
    assert metric(gateway, "gateway_cache_disk_requests_total", '{result="hit"}') == 3
    assert get(gateway.port, "/a/10", Range="bytes=1-3").status == 206


def test_nobody_else_can_read_or_write_the_files(gateway, store, directory):
    start(gateway, store, directory)
    gateway.get("/a/10")
    written(gateway, 1)
    for path in directory.rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600), path


def test_what_waits_to_be_written_is_written_before_the_end(gateway, store, directory):
    start(gateway, store, directory)
    for number in range(50):
        gateway.get(f"/x{number}/5000")
    restart(gateway, how=signal.SIGTERM)
    for number in range(50):
        assert "hit" in gateway.get(f"/x{number}/5000")["Cache-Status"]
    assert all(count == 1 for count in store.counts.values())


def test_variants_and_validators_survive(gateway, store, directory):
    store.fields = {"Cache_Control": "max-age=600", "ETag": '"v"'}
    start(gateway, store, directory)
    for color in ("red", "blue"):
        gateway.get("/vary/200", X_Color=color)
    written(gateway, 2)
    restart(gateway)
    for color in ("red", "blue"):
        answer = gateway.get("/vary/200", X_Color=color)
        assert store.is_whole("/vary/200", answer.body, color)
        assert "hit" in answer["Cache-Status"]
    assert gateway.get("/vary/200", X_Color="red", If_None_Match='"v"').status == 304
    assert store.counts == {"/vary/200": 2}
    assert "hit" not in gateway.get("/vary/200", X_Color="green")["Cache-Status"]


def test_kill_9_during_writes_again_and_again(gateway, store, directory):
    """Every answer after each crash is whole and one that the origin gave."""
    chance = random.Random(4)
    start(gateway, store, directory, size="16m", top="cache_object_size 2m\ncache_size 16m")
    for _ in range(12):
        stop = threading.Event()

        def load(seed):
            mine = random.Random(seed)
            while not stop.is_set():
                path = f"/k{mine.randrange(600)}/{mine.choice([10, 5000, 70000, 400000])}"
                try:
                    answer = get(gateway.port, path)
                except (OSError, Incomplete):
                    return
                if answer.complete and not store.is_whole(path, answer.body):
                    return path, answer.status, len(answer.body)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            work = [pool.submit(load, chance.random()) for _ in range(4)]
            goal = metric(gateway, "gateway_cache_disk_writes_total", '{result="written"}')
            goal += chance.randrange(1, 40)
            written(gateway, goal)
            gateway.process.kill()
            gateway.process.wait(timeout=15)
            stop.set()
            wrong = [item.result() for item in work]
        assert wrong == [None] * 4
        gateway.start(gateway.file.read_text())
        with store.lock:
            asked = list(store.counts)
        hits = 0
        # The last ones: what is stored anew meanwhile takes the place of the first.
        for path in reversed(asked[-60:]):
            answer = gateway.get(path)
            assert store.is_whole(path, answer.body), path
            hits += "detail=disk" in answer["Cache-Status"]
        assert hits > 0
        assert metric(gateway, "gateway_cache_disk_damaged_total") == 0
        known = "gateway_cache_disk_known_folders"
        until(lambda: metric(gateway, known) == 256, "the files to be known")
        used = metric(gateway, "gateway_cache_disk_used_bytes")
        assert used <= 16 << 20
    assert not (directory / "new").exists() or files(directory)


def test_damaged_files_are_misses_and_are_removed(gateway, store, directory):
    start(gateway, store, directory)
    paths = [f"/d{number}/{size}" for number, size in enumerate([10, 5000, 100000, 300000] * 5)]
    for path in paths:
        gateway.get(path)
    written(gateway, len(paths))
    gateway.process.kill()
    gateway.process.wait()
    chance = random.Random(7)
    for number, path in enumerate(sorted(files(directory))):
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        if number % 3 == 0:
            content[place] ^= 1 << chance.randrange(8)
        elif number % 3 == 1:
            del content[place:]
        else:
            content[place:] = bytes(len(content) - place)
        path.write_bytes(content)
    gateway.start(gateway.file.read_text())
    for path in paths:
        answer = gateway.get(path)
        assert store.is_whole(path, answer.body)
        assert "hit" not in answer["Cache-Status"]
    assert metric(gateway, "gateway_cache_disk_damaged_total") == len(paths)
    assert all(count == 2 for count in store.counts.values())


def test_purges_reach_the_disk_and_outlive_a_crash(gateway, store, directory):
    store.fields = {"Cache_Control": "max-age=600", "Cache_Tag": "all"}
    start(
        gateway,
        store,
        directory,
        top=f"cache_purge from=127.0.0.0/8 token={TOKEN}",
    )

    def command(*arguments):
        run = run_command("cache", *arguments, "--config", gateway.file, cwd=gateway.directory)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    paths = ["/m/10", "/p/1", "/p/2", "/q/1", "/r/1"]
    for path in paths:
        gateway.get(path)
    written(gateway, len(paths))
    # After a restart memory is empty: what is purged is on the disk only.
    restart(gateway)
    until(lambda: metric(gateway, "gateway_cache_disk_known_folders") == 256, "the files")
    shown = command("show", "http://shop.example/m/10")
    assert [entry["in"] for entry in shown] == [["disk"]]
    with gateway.client() as client:
        assert client.request("PURGE", "/m/10").status == 200
        assert client.request("PURGE", "/nothing").status == 404
    assert command("purge", "--prefix", "http://shop.example/p/")["disk"] is True
    gateway.process.kill()
    gateway.process.wait()
    gateway.start(gateway.file.read_text())
    assert [gateway.get(path).body[:8] for path in paths] == [
        b"/m/10 2 ", b"/p/1 2 \n", b"/p/2 2 \n", b"/q/1 1 \n", b"/r/1 1 \n"
    ]
    written(gateway, 3)
    command("purge", "--tag", "all", "--soft")
    restart(gateway)
    # Stale, and asked for anew.
    assert "fwd=stale" in gateway.get("/q/1")["Cache-Status"]
    command("purge", "--all")
    restart(gateway)
    before = dict(store.counts)
    for path in paths:
        assert "fwd=uri-miss" in gateway.get(path)["Cache-Status"]
        assert store.counts[path] == before[path] + 1
    assert gateway.get("/q/1")["Cache-Status"].startswith("gateway; hit")


def compressed(gateway):
    return metric(gateway, "gateway_compression_responses_total", '{coding="gzip"}')


@pytest.mark.parametrize("size", [3000, 300_000])
def test_what_was_compressed_once_is_not_compressed_again(gateway, store, directory, size):
    store.fields = {"Cache_Control": "max-age=600", "Content_Type": "application/json"}
    store.body = lambda target, number, color="": (b"%d %s;" % (number, target.encode())) * size
    start(gateway, store, directory, site="compress gzip min=1k\ncache")

    def coded():
        answer = get(gateway.port, "/coded", Accept_Encoding="gzip")
        assert answer["Content-Encoding"] == "gzip"
        return gzip.decompress(answer.body), answer["Cache-Status"]

    gateway.get("/coded")
    written(gateway, 1)
    content, _ = coded()
    assert content == store.body("/coded", 1)
    # Once more: with what has been made of it.
    written(gateway, 2)
    assert compressed(gateway) == 1
    restart(gateway)
    for _ in range(2):
        again, status = coded()
        assert again == content and "hit" in status and "coded-gzip" in status
    assert compressed(gateway) == 0
    assert store.counts["/coded"] == 1
    assert gateway.get("/coded").body == content


def test_parts_survive_kill_9_and_grow_on(gateway, make_origin, directory):
    whole = random.Random(3).randbytes(300_000)
    asked = []

    def script(connection):
        while (request := connection.next_request()) is not None:
            asked.append(request["Range"])
            first, last = (int(n) for n in request["Range"].removeprefix("bytes=").split("-"))
            connection.respond(
                whole[first:last + 1], status="206 Partial Content", ETag='"v"',
                Cache_Control="max-age=600",
                Content_Range=f"bytes {first}-{last}/{len(whole)}")

    text = gateway.configuration(
        make_origin(script).address, top=f"cache_path {directory} 64m timeout=5s", site="cache")
    gateway.start(text)

    def part(first, last):
        answer = get(gateway.port, "/film", Range=f"bytes={first}-{last}")
        assert answer.status == 206 and answer.body == whole[first:last + 1]
        return answer["Cache-Status"]

    part(1000, 99_999)
    written(gateway, 1)
    restart(gateway)
    assert "detail=disk" in part(2000, 80_000)
    restart(gateway)
    # What is asked for next begins where that ends.
    assert "hit" not in part(100_000, 199_999)
    written(gateway, 1)
    restart(gateway)
    assert "detail=disk" in part(1000, 199_999)
    assert asked == ["bytes=1000-99999", "bytes=100000-199999"]


def test_files_of_another_version_are_ignored_and_removed(gateway, store, directory):
    start(gateway, store, directory)
    gateway.get("/a/10")
    written(gateway, 1)
    gateway.process.kill()
    gateway.process.wait()
    [path] = files(directory)
    old = directory / path.parts[-3].split(".")[0] / path.parts[-2]
    old.mkdir(parents=True)
    (old / path.name).write_bytes(b"GWCACHE\x01" + path.read_bytes()[8:])
    path.write_bytes(b"GWCACHE\x01" + path.read_bytes()[8:])
    gateway.start(gateway.file.read_text())
    assert "fwd=uri-miss" in gateway.get("/a/10")["Cache-Status"]
    assert metric(gateway, "gateway_cache_disk_damaged_total") == 0
    until(lambda: not old.parent.exists(), "the old files to go")
    written(gateway, 1)
    until(lambda: len(files(directory)) == 1, "one file")


def test_a_change_removes_what_is_on_the_disk(gateway, store, directory):
    start(gateway, store, directory)
    gateway.get("/item/1")
    written(gateway, 1)
    restart(gateway)
    with gateway.client() as client:
        assert client.request("POST", "/item/1").status == 200
    restart(gateway)
    assert "hit" not in gateway.get("/item/1")["Cache-Status"]


def test_the_size_holds_and_what_is_used_stays(gateway, store, directory):
    start(gateway, store, directory, size="16m", top="cache_size 2m\ncache_object_size 512k")
    gateway.get("/hot/1000")
    for number in range(300):
        gateway.get(f"/n{number}/100000")
        if number % 10 == 0:
            gateway.get("/hot/1000")
    name = "gateway_cache_disk_queue_objects"
    until(lambda: metric(gateway, name) == 0, "everything to be written")
    assert metric(gateway, "gateway_cache_disk_used_bytes") <= 16 << 20
    assert metric(gateway, "gateway_cache_disk_evictions_total") > 100
    assert sum(path.stat().st_size for path in files(directory)) <= 16 << 20
    restart(gateway)
    assert "hit" in gateway.get("/hot/1000")["Cache-Status"]
    assert store.counts["/hot/1000"] == 1


def test_a_full_disk_costs_hits_and_no_request(gateway, store, directory):
    """A limit on the size of files is met like a full disk: nothing larger can be written."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    original = subprocess.Popen
    subprocess.Popen = lambda *a, **k: original(*a, preexec_fn=limit, **k)
    try:
        start(gateway, store, directory)
    finally:
        subprocess.Popen = original
    gateway.get("/small/1000")
    written(gateway, 1)
    for number in range(5):
        answer = gateway.get(f"/large{number}/200000")
        assert answer.status == 200 and len(answer.body) == 200000
    until(lambda: metric(gateway, "gateway_cache_disk_errors_total") >= 1, "an error")
    until(lambda: metric(gateway, "gateway_cache_disk_off") == 1, "the disk to be left alone")
    until(lambda: "cannot be written" in gateway.output, "the error in the log")
    assert gateway.output.count("cannot be written") == 1
    for number in range(5):
        assert "hit" in gateway.get(f"/large{number}/200000")["Cache-Status"]
    until(lambda: not (directory / "new").exists(), "what was begun to be removed")
    assert len(files(directory)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_file_system_without_room(gateway, store, directory):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("no mount here")
    try:
        start(gateway, store, directory)
        for number in range(30):
            path = f"/f{number}/100000"
            assert store.is_whole(path, gateway.get(path).body)
        until(lambda: metric(gateway, "gateway_cache_disk_errors_total") >= 1, "an error")
        restart(gateway)
        hits = 0
        for number in range(30):
            path = f"/f{number}/100000"
            answer = gateway.get(path)
            assert store.is_whole(path, answer.body)
            hits += "detail=disk" in answer["Cache-Status"]
        assert hits >= 5
        gateway.process.kill()
        gateway.wait_for_exit()
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_second_gateway_is_refused_and_a_missing_directory_too(
    gateway, store, directory, tmp_path
):
    start(gateway, store, directory)
    other = Gateway(tmp_path / "other")
    other.directory.mkdir()
    with pytest.raises(AssertionError, match="another gateway uses it"):
        start(other, store, directory)
    other.process = None
    text = gateway.configuration(
        store.address, top=f"cache_path {tmp_path}/nowhere 64m", site="cache"
    )
    gateway.reload(text)
    until(lambda: "No such file or directory" in gateway.output, "the reload to be refused")
    assert gateway.get("/still/10").status == 200
    check = run_command("check", "--config", gateway.file, cwd=tmp_path)
    assert check.returncode == 1
    assert "error: cache_path:" in check.stderr and "No such file or directory" in check.stderr


def test_a_reload_changes_the_size_and_the_directory(gateway, store, directory, tmp_path):
    start(gateway, store, directory, top="workers 1")
    for number in range(200):
        gateway.get(f"/r{number}/100000")
    written(gateway, 200)
    name = "gateway_cache_disk_used_bytes"
    assert metric(gateway, name) > 16 << 20
    gateway.reload_and_wait(gateway.file.read_text().replace("64m", "16m"))
    until(lambda: metric(gateway, name) <= 16 << 20, "files to leave")
    assert "hit" in gateway.get("/r199/100000")["Cache-Status"]
    moved = tmp_path / "moved"
    moved.mkdir()
    gateway.reload_and_wait(gateway.file.read_text().replace(str(directory), str(moved)))
    assert (moved / "journal").exists()
    gateway.get("/there/10")
    until(lambda: len(files(moved)) == 1, "a file in it")
    # The first one has been let go, with what is in it.
    gateway.reload_and_wait(gateway.file.read_text().replace(str(moved), str(directory)))
    until(lambda: metric(gateway, name) > 8 << 20, "the first directory to be taken again")
    assert "detail=disk" in gateway.get("/r199/100000")["Cache-Status"]


def test_a_lost_or_damaged_journal_empties_the_directory(gateway, store, directory):
    start(gateway, store, directory)
    gateway.get("/a/10")
    written(gateway, 1)
    for damage in (lambda p: p.unlink(), lambda p: p.write_bytes(b"x" + p.read_bytes()[1:])):
        gateway.process.kill()
        gateway.process.wait()
        damage(directory / "journal")
        gateway.start(gateway.file.read_text())
        assert "hit" not in gateway.get("/a/10")["Cache-Status"]
        written(gateway, 1)
        until(lambda: len(files(directory)) == 1, "the old files to go")
