"""Runs a command while a proxy is under a scenario's load; PID in the command is its worker's.

    python3 Benchmarks/under_load.py SCENARIO PEER SECONDS -- COMMAND...
"""

import subprocess
import sys
import threading

import bench
import peers
import report
import scenarios


def main():
    scenario, peer = scenarios.ALL[sys.argv[1]], peers.all_peers()[sys.argv[2]]
    seconds, command = int(sys.argv[3]), sys.argv[5:]
    if peer.binary is None:
        sys.exit(f"{peer.name} is not installed")
    origins = bench.Origins("1")
    running = bench.start(peer, origins, tls=scenario.secure)
    try:
        if problem := bench.verify(running, scenario, origins):
            sys.exit(problem)
        bench.load(running, scenario, 1, "1")
        rows = []
        thread = threading.Thread(target=lambda: rows.append(
            bench.load(running, scenario, seconds + 1, "1")))
        thread.start()
        worker = str(running.processes()[-1])
        subprocess.run([worker if word == "PID" else word for word in command], check=True)
        thread.join()
        print(report.brief(rows[0]))
    finally:
        running.stop()
        origins.stop()


if __name__ == "__main__":
    main()
