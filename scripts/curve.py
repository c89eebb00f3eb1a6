#!/usr/bin/env python3
"""Prints the loss curve of a run: a line an epoch, with the held-out loss as a bar.

    scripts/curve.py RUN/metrics.jsonl [--below LIMIT]

Losses are means over the epoch; "held out" is what the objective measures on pieces it never trains on, for the raw weights
and for their running average. With --below, ends with 1 unless the last average is below LIMIT. Standard library only.
"""

import argparse
import collections
import json
import sys

BAR = 40  # characters for the largest held-out loss


def epochs_of(path):
    """{epoch: {"loss": {player: [mean of an interval...]}, "raw": ..., "average": ..., ...}}"""
    epochs = collections.defaultdict(lambda: {"loss": collections.defaultdict(list), "speed": [], "waiting": []})
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            epoch = epochs[line["epoch"]]
            if line["kind"] == "train":
                for player, loss in line["loss"].items():
                    if loss is not None:  # null: not finite
                        epoch["loss"][player].append(loss)
                epoch["speed"].append(line["images_per_second"])
                epoch["waiting"].append(line["waiting"])
            elif line["kind"] == "held_out":
                epoch.update(name=line["name"], raw=line["raw"], average=line["average"])
    return dict(sorted(epochs.items()))


def mean(values):
    return sum(values) / len(values) if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", help="metrics.jsonl of a run")
    parser.add_argument("--below", type=float, help="what the last held-out average must be below")
    options = parser.parse_args()
    epochs = epochs_of(options.metrics)
    largest = max((epoch.get("average", 0) for epoch in epochs.values()), default=0) or 1
    for number, epoch in epochs.items():
        losses = "  ".join(f"{player} {mean(values):8.4f}" for player, values in sorted(epoch["loss"].items()))
        line = f"epoch {number:3}  {losses}  {mean(epoch['speed']):6.1f} images/s  waiting {mean(epoch['waiting']):5.1%}"
        if "average" in epoch:
            bar = "#" * round(BAR * epoch["average"] / largest)
            line += f"  held out {epoch['name']} {epoch['raw']:.4f}, average {epoch['average']:.4f} {bar}"
        print(line)
    last = next((epoch["average"] for epoch in reversed(epochs.values()) if "average" in epoch), float("inf"))
    if options.below is not None and not last < options.below:
        sys.exit(f"curve.py: the held-out loss is {last:.4f}, not below {options.below}")


if __name__ == "__main__":
    main()
