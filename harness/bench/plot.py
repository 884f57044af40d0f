# SPDX-License-Identifier: GPL-2.0
"""The plot of harness/bench/plot: instructions that notifications add to copied receive.

Reads figures in the form of bench.json, writes SVG. The same figures give the same bytes."""

import io
import json
import re
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False})
# pylint: disable=wrong-import-position
import matplotlib.pyplot as plt

PANELS = (("nodev-copy", "one ring", "bytes of a write"),
          ("rings", "several rings on one ifq, writes of 64 KiB", "rings"))
# registration: label, line width; a wide line shows below one that coincides
LINES = {"rearm": ("types and statistics, armed again", 2), "both": ("types and statistics", 5),
         "stats": ("statistics", 2), "types": ("types", 5), "none": ("no descriptor", 2)}


def points(figures, workload, registration):
    """[(load, percent more than without notifications)], by load"""
    found = []
    for name, figure in figures.items():
        match = re.fullmatch(rf"{workload}-(\d+)(k?) {registration}", name)
        if match:
            percent = 100 * figure["more"] / (figure["cost"] - figure["more"])
            found.append((int(match[1]) * (1024 if match[2] else 1), match[1] + match[2], percent))
    return [point[1:] for point in sorted(found)]


def draw(figures):
    figure, axes = plt.subplots(1, len(PANELS), figsize=(9, 3.6), layout="constrained")
    figure.suptitle("Copied receive: guest instructions more than without notifications")
    for panel, (workload, title, below) in zip(axes, PANELS):
        for registration, (label, width) in LINES.items():
            panel.plot(*zip(*points(figures, workload, registration)), label=label,
                       linewidth=width, marker="o", markersize=width + 1)
        panel.set(title=title, xlabel=below, ylim=(0, None))
        panel.yaxis.set_major_formatter("{x:g}%")
        panel.grid(axis="y", alpha=0.3)
    axes[-1].legend(frameon=False)
    out = io.StringIO()
    figure.savefig(out, metadata={"Date": None})
    return out.getvalue().replace("<svg ", "<!-- SPDX-License-Identifier: GPL-2.0 -->\n<svg ", 1)


if __name__ == "__main__":
    sys.stdout.write(draw(json.load(sys.stdin)["figures"]))
