#!/usr/bin/env python3
"""Trains the same steps on a list's pictures, streamed, and on batches held in memory, in turns: what does the stream cost?

    bench/train/stream.py build/release/bin LIST [--repetitions N] [-- SETTINGS...]        5 repetitions

The first is atelier-train as it is, with its logs, the second bench_train. Of each turn counts the median of the means of ten steps,
without the first twenty; printed are the medians of the turns, and of the quotients of turns that follow each other.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS, SOME, FIRST = 120, 10, 2  # atelier-train logs every ten steps


def in_memory(program, settings):
    """Seconds of a step."""
    child = subprocess.run([program, *settings, "--steps", str(STEPS)], stdout=subprocess.PIPE, text=True, check=True)
    seconds = json.loads(child.stdout.splitlines()[-1])["seconds"]
    means = [statistics.mean(seconds[step:step + SOME]) for step in range(0, STEPS, SOME)]
    return statistics.median(means[FIRST:])


def streamed(program, pictures, settings):
    """Seconds of a step."""
    with tempfile.TemporaryDirectory() as run:
        command = [program, *settings, "--data.list", pictures, "--data.held_out", "0", "--train.epochs", "1",
                   "--train.steps_per_epoch", str(STEPS), "--train.run_dir", run]
        child = subprocess.run(command, capture_output=True, text=True)
        if child.returncode != 0:
            sys.exit(child.stderr)
        logged = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    logged = [line for line in logged if line["kind"] == "train"]
    batch = logged[0]["position"] / logged[0]["step"]
    return statistics.median(batch / line["images_per_second"] for line in logged[FIRST:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path, help="folder of atelier-train and bench_train")
    parser.add_argument("list", type=Path)
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("settings", nargs="*", help="of both, after --")
    options = parser.parse_args()
    for program in ("bench_train", "atelier-train"):
        if not (options.programs / program).exists():
            parser.error(f"{options.programs / program} is not there: build it by cmake --build --preset release --target {program}")
    turns = {"in memory": lambda: in_memory(options.programs / "bench_train", options.settings),
             "streamed": lambda: streamed(options.programs / "atelier-train", options.list, options.settings)}
    seconds = {name: [] for name in turns}
    for repetition in range(options.repetitions):
        for name in sorted(turns, reverse=repetition % 2 == 1):
            seconds[name].append(turns[name]())
        print(", ".join(f"{name} {all[-1] * 1e3:.0f} ms" for name, all in seconds.items()), flush=True)
    quotients = sorted(a / b for a, b in zip(seconds["streamed"], seconds["in memory"]))
    medians = ", ".join(f"{name} {statistics.median(all) * 1e3:.0f} ms" for name, all in seconds.items())
    print(f"medians: {medians}; quotient {statistics.median(quotients):.3f} ({quotients[0]:.3f} to {quotients[-1]:.3f})")


if __name__ == "__main__":
    main()
