#!/usr/bin/env python3
"""Draws the losses of one or more runs as a picture.

    scripts/plot.py RUN [RUN...] --out curves.png

Left the training losses of each player, as means over the intervals of metrics.jsonl; beside them the held-out loss of the raw weights
(thin) and of their running average (thick), with a panel for each measure: an EDM loss is no flow loss. Of a single run the
averages of each label are drawn, too (dotted). Where the held-out samples changed, so that losses before and after are not of
the same pictures, the curve is cut. Needs matplotlib.
"""

import argparse
import json
import sys
from pathlib import Path

GAP = float("nan")


def lines_of(run, kind):
    """The lines of a run's metrics.jsonl of one kind, in order of position."""
    path = Path(run) / "metrics.jsonl"
    try:
        text = path.read_text(encoding="utf-8")
        whole = text[:text.rfind("\n") + 1]  # a run under way may be writing its last line
        return [line for line in map(json.loads, whole.splitlines()) if line["kind"] == kind]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"plot.py: {path} cannot be read as the metrics of a run: {error}")


def number(value):
    return GAP if value is None else value  # null: not finite


def train_curves(run):
    """{player: [(position, loss)...]}"""
    curves = {}
    for line in lines_of(run, "train"):
        for player, loss in line["loss"].items():
            curves.setdefault(player, []).append((line["position"], number(loss)))
    return curves


def held_out_curves(run):
    """{"raw": [(position, loss)...], "average": ..., ("label", name): ...}"""
    curves, before = {}, None
    for line in lines_of(run, "held_out"):
        points = {"raw": line["raw"], "average": line["average"]}
        points |= {("label", name): own["average"] for name, own in line.get("labels", {}).items()}
        for name, loss in points.items():
            curve = curves.setdefault(name, [])
            if curve and before != line.get("set"):
                curve.append((line["position"], GAP))
            curve.append((line["position"], number(loss)))
        before = line.get("set")
    return curves


def draw(axes, curve, **style):
    marker = "." if len(curve) < 3 else None  # a line of one point shows nothing
    axes.plot([position for position, _ in curve], [loss for _, loss in curve], marker=marker, **style)


def measure_of(run):
    """What a run's held-out loss measures, such as "EDM loss"; None: it has none."""
    return next((line["name"] for line in lines_of(run, "held_out")), None)


def draw_held_out(axes, curves, name, color, with_labels):
    for what, width in (("raw", 0.8), ("average", 2.2)):
        draw(axes, curves[what], color=f"C{color}", linewidth=width, label=f"{name}: {what}")
    labels = [key for key in curves if isinstance(key, tuple)] if with_labels else []
    for index, key in enumerate(labels):
        draw(axes, curves[key], color=f"C{index + 1}", linestyle=":", label=key[1] or "no label")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--out", required=True, help="PNG, SVG or PDF to write")
    options = parser.parse_args()
    try:
        import matplotlib
    except ImportError:
        sys.exit("plot.py: matplotlib is missing: pip install matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot
    measures = [measure_of(run) for run in options.runs]
    shown = sorted(set(measures) - {None})
    titles = ["training loss"] + [f"held-out {measure}" for measure in shown or ["loss"]]
    figure, panels = pyplot.subplots(1, len(titles), figsize=(6.5 * len(titles), 5), layout="constrained")
    left, right = panels[0], dict(zip(shown, panels[1:]))
    for color, (run, measure) in enumerate(zip(options.runs, measures)):
        name = Path(run).name
        for style, (player, curve) in zip(("-", "--", ":"), train_curves(run).items()):
            draw(left, curve, color=f"C{color}", linestyle=style, label=f"{name}: {player}")
        if measure:
            draw_held_out(right[measure], held_out_curves(run), name, color, with_labels=len(options.runs) == 1)
    left.set_yscale("log")  # players' losses differ by orders of magnitude
    for axes, title in zip(panels, titles):
        axes.set(title=title, xlabel="position (samples trained on)")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    try:
        figure.savefig(options.out, dpi=110)
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: {options.out} cannot be written: {error}")


if __name__ == "__main__":
    main()
