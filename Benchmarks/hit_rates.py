"""Draws what `HIT_RATES=rates.csv swift test --filter HitRateTests` measured.

    python3 Benchmarks/hit_rates.py rates.csv > Documentation/hit-rates.svg
"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, TOP = 300, 200, 44, 34
TITLES = {"zipf": "Zipf 0.9", "scan": "with a crawler", "drift": "what is hot changes"}


def panel(trace, rows, x):
    rooms = [int(row["room"]) for row in rows]
    low, high = math.log(min(rooms)), math.log(max(rooms))

    def place(room, share):
        across = LEFT + (math.log(room) - low) / (high - low) * (WIDTH - LEFT - 16)
        return f"{x + across:.1f},{TOP + (1 - share) * HEIGHT:.1f}"

    parts = [f'<text x="{x + LEFT}" y="20" font-weight="bold">{TITLES[trace]}</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = TOP + (1 - share) * HEIGHT
        parts.append(f'<line x1="{x + LEFT}" x2="{x + WIDTH - 16}" y1="{y}" y2="{y}" '
                     'stroke="#ddd"/>')
        parts.append(f'<text x="{x + LEFT - 6}" y="{y + 4}" text-anchor="end">'
                     f'{share * 100:.0f}%</text>')
    for room in rooms:
        across = place(room, 0).split(",")[0]
        parts.append(f'<text x="{across}" y="{TOP + HEIGHT + 16}" text-anchor="middle">'
                     f'{room / 100:g}%</text>')
    for name, colour in (("lru", "#999"), ("ours", "#c40")):
        points = " ".join(place(int(row["room"]), float(row[name])) for row in rows)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     'stroke-width="2"/>')
    return "\n".join(parts)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    width = WIDTH * len(TITLES)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 92}" '
          'font-family="sans-serif" font-size="11">')
    print(f'<rect width="{width}" height="{HEIGHT + 92}" fill="#fff"/>')
    for number, trace in enumerate(TITLES):
        print(panel(trace, [row for row in rows if row["trace"] == trace], number * WIDTH))
    y = HEIGHT + 78
    print(f'<text x="{LEFT}" y="{y}">Share of hits by room for that share of 10,000 objects: '
          f'<tspan fill="#c40">S3-FIFO, as here</tspan>, <tspan fill="#999">LRU</tspan></text>')
    print("</svg>")


if __name__ == "__main__":
    main()
