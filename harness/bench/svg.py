# SPDX-License-Identifier: GPL-2.0
"""The picture of harness/bench/run: what is added to a copied fragment, against load."""

import re

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 330, 60, 64, 70
PANEL = (WIDTH - 2 * LEFT - GAP + 20) // 2
DEEP = HEIGHT - TOP - 74
# In the order in which they are drawn; lines that coincide show the last.
SERIES = ("rearm", "both", "stats", "types", "none")

STYLE = """
.paper{fill:#fff}.axis{stroke:#59636e}.grid{stroke:#d0d7de}
text{font:12px system-ui,sans-serif;fill:#1f2328}.head{font-weight:bold}.small{fill:#59636e}
polyline{fill:none;stroke-width:2}
.none{stroke:#59636e}.types{stroke:#0969da}.stats{stroke:#1a7f37}.both{stroke:#8250df}.rearm{stroke:#bc4c00}
circle.none{fill:#59636e}circle.types{fill:#0969da}circle.stats{fill:#1a7f37}
circle.both{fill:#8250df}circle.rearm{fill:#bc4c00}
@media(prefers-color-scheme:dark){.paper{fill:#0d1117}.axis{stroke:#9198a1}.grid{stroke:#3d444d}
text{fill:#e6edf3}.small{fill:#9198a1}.none{stroke:#9198a1}.types{stroke:#4493f8}.stats{stroke:#3fb950}
.both{stroke:#bc8cff}.rearm{stroke:#f0883e}circle.none{fill:#9198a1}circle.types{fill:#4493f8}
circle.stats{fill:#3fb950}circle.both{fill:#bc8cff}circle.rearm{fill:#f0883e}}
"""


def points_of(rows, workload):
    """{registration: [(load as text, percent more than the base)]}, by load"""
    result = {}
    for row in rows:
        match = re.fullmatch(workload + r"-(\d+)(k?)", row["workload"])
        if match and row["ratio"] is not None:
            load = int(match[1]) * (1024 if match[2] else 1)
            result.setdefault(row["registration"], []).append(
                (load, match[1] + match[2], 100 * (row["ratio"] - 1)))
    return {name: [(text, value) for _, text, value in sorted(points)]
            for name, points in result.items()}


def panel(out, left, head, below, series):
    loads = [text for text, _ in max(series.values(), key=len)]
    top = max(0.1, *(value for points in series.values() for _, value in points))
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e9) if top / s <= 6)
    top = step * (int(top / step) + 1)

    def x_of(text):
        return left + PANEL * (loads.index(text) + 0.5) / len(loads)

    def y_of(value):
        return TOP + DEEP * (1 - max(value, 0) / top)

    out.append(f'<text class="head" x="{left}" y="{TOP - 14}">{head}</text>')
    for i in range(round(top / step) + 1):
        y = y_of(i * step)
        out.append(f'<path class="{"grid" if i else "axis"}" d="M{left} {y:.1f}h{PANEL}"/>')
        out.append(f'<text class="small" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">'
                   f'{i * step:g}%</text>')
    for text in loads:
        out.append(f'<text x="{x_of(text):.1f}" y="{TOP + DEEP + 20}" text-anchor="middle">'
                   f'{text}</text>')
    out.append(f'<text class="small" x="{left + PANEL / 2}" y="{TOP + DEEP + 38}" '
               f'text-anchor="middle">{below}</text>')
    for name in SERIES:
        points = [(x_of(text), y_of(value)) for text, value in series.get(name, ())]
        out.append(f'<polyline class="{name}" points="'
                   + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        out.extend(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)


def draw(rows):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" role="img">',
           "<!-- SPDX-License-Identifier: GPL-2.0 -->", "<!-- Made by harness/bench/run -->",
           "<title>Instructions of copied receive more than without notifications</title>",
           f"<style>{STYLE}</style>", f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
           f'<text class="head" x="{LEFT}" y="22">Copied receive: guest instructions more than '
           "without notifications, in percent</text>"]
    for at, (workload, head, below) in enumerate((
            ("nodev-copy", "one ring", "bytes of a write"),
            ("rings", "several rings on one ifq, writes of 64 KiB", "rings"))):
        series = points_of(rows, workload)
        if series:
            panel(out, LEFT + at * (PANEL + GAP), head, below, series)
    for i, name in enumerate(reversed(SERIES)):
        x = LEFT + i * 130
        out.append(f'<path class="{name}" stroke-width="2" d="M{x} {HEIGHT - 16}h22"/>')
        out.append(f'<text x="{x + 28}" y="{HEIGHT - 12}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])
