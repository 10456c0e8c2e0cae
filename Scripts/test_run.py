"""Checks that `make run` starts, answers, and leaves no process behind however it is ended.

Signals go where a person's go: Ctrl-C to the whole foreground group, SIGTERM to make alone, and
SIGKILL to the script that started the programs, which then end by themselves.
"""

import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_SECONDS = 600  # The first start may have to build.
END_SECONDS = 30


def children(pid):
    """Every process below one, by /proc; their sessions differ, so a group says nothing."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    parents[int(entry)] = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found, frontier = set(), {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def alive(pids):
    return {pid for pid in pids if os.path.exists(f"/proc/{pid}")}


def script(pids):
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                if arguments.read().split(b"\0")[1:2] == [b"Scripts/run.sh"]:
                    return pid
        except OSError:  # The script's own helpers come and go, also between open and read.
            continue
    raise RuntimeError("Scripts/run.sh does not run")


def run_until(name):
    """Starts `make run`, ends it in one way, and returns what was wrong, or None."""
    # Who runs this in the background of a shell has SIGINT ignored, which is inherited, and a
    # script cannot trap what was ignored when it started.
    make = subprocess.Popen(
        ["make", "--no-print-directory", "run"], cwd=ROOT, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    deadline = time.monotonic() + START_SECONDS
    output = []
    for line in make.stdout:
        output.append(line)
        if line.startswith("Ctrl-C") or time.monotonic() > deadline:
            break
    below = children(make.pid)
    try:
        if not (output and output[-1].startswith("Ctrl-C")):
            return "did not start:\n" + "".join(output)
        if urllib.request.urlopen("http://127.0.0.1:8080/", timeout=30).status != 200:
            return "no answer"
        # Whoever trusts the authority that the gateway has made needs no further step.
        trust = ssl.create_default_context(cafile=f"{ROOT}/run/state/internal/ca.pem")
        secure = "https://localhost:8443/"
        if urllib.request.urlopen(secure, timeout=30, context=trust).status != 200:
            return "no answer by https"
        if name == "SIGINT":
            os.killpg(make.pid, signal.SIGINT)
        elif name == "SIGTERM":
            make.terminate()
        else:
            os.kill(script(below), signal.SIGKILL)
        deadline = time.monotonic() + END_SECONDS
        while (alive(below) or make.poll() is None) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = alive(below)
        return f"left behind: {sorted(left)}" if left or make.poll() is None else None
    finally:
        for pid in alive(below) | {make.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        make.stdout.close()
        make.wait()


def main():
    failures = 0
    for name in ["SIGINT", "SIGTERM", "SIGKILL"]:
        problem = run_until(name)
        print(f"make run, ended by {name}: {problem or 'nothing left behind'}")
        failures += problem is not None
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
