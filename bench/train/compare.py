#!/usr/bin/env python3
"""Trains the same steps by Atelier and by plain PyTorch, in turns, and prints the medians as a Markdown table.

    compare.py BENCH_TRAIN PYTHON FOLDER REPETITIONS [CASE...]

Every peer starts from the same weights and gets the same batches; before anything is timed its first losses must be
Atelier's. All of PyTorch is warmed up (and compiled) first and then waits for its turns, so that a repetition is over in
seconds: one turn of each, one after another, on the same machine at the same time. Of a turn the median step counts.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WARM_UP = 5  # steps; torch.compile compiles in the first two
TOLERANCE = {"float32": 1e-2, "bfloat16": 3e-2}  # of the first losses, relative: Adam makes much of rounding at first
THREADS = 2

# name: preset, pixels, batch, timed steps, further settings
CASES = {
    "diffusion 64": ("furniture-64", 64, 4, 8, {}),
    "diffusion 256": ("furniture-256", 256, 1, 6, {"model.channels": 64}),
    "pix2pix 64": ("sketch-64", 64, 16, 30, {}),
    "pix2pix 256": ("sketch-256", 256, 4, 8, {}),
}
# Large blocks stay with the process, as in atelier-train.
SAME_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=2147483647"}
PEERS = {
    "eager": ([], {}),
    "compile": (["--compile"], {}),
    "eager, same allocator": ([], SAME_ALLOCATOR),
    "compile, same allocator": (["--compile"], SAME_ALLOCATOR),
    "compile, same allocator, channels last": (["--compile", "--channels-last"], SAME_ALLOCATOR),
}


def environment(more):
    return os.environ | {"OMP_NUM_THREADS": str(THREADS)} | more


class Peer:
    """A torch_steps.py that waits for its turns."""

    def __init__(self, python, inputs, precision, options, more):
        command = [python, HERE / "torch_steps.py", inputs, "--precision", precision, "--threads", THREADS, *options]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment(more))
        self.losses = self.answer()["losses"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("compare.py: torch_steps.py ended before its turn")
        return json.loads(line)

    def turn(self, steps):
        print(steps, file=self.process.stdin, flush=True)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def own_turn(command):
    child = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True, env=environment({}))
    result = json.loads(child.stdout.splitlines()[-1])
    return result | {what: result[what][WARM_UP:] for what in ("seconds", "cpu")}


def check_losses(name, ours, theirs, precision):
    for step, (one, other) in enumerate(zip(ours[:WARM_UP], theirs)):
        for a, b in zip(one, other):
            if abs(a - b) > TOLERANCE[precision] * abs(a):
                sys.exit(f"compare.py: {name}: step {step + 1} has a loss of {b}, Atelier's is {a}")


def measure(case, precision, program, python, folder, repetitions):
    preset, side, batch, steps, settings = CASES[case]
    inputs = folder / "inputs.safetensors"
    flags = {"config": preset, "data.image_size": side, "train.batch_size": batch, "train.precision": precision,
             "train.threads": THREADS, "train.warmup": 0, "train.rate_schedule": "constant", "model.dropout": 0,
             "model.label_dropout": 0, **settings}
    ours = [program, "--steps", WARM_UP + steps, "--inputs", inputs]
    ours += [word for name, value in flags.items() for word in (f"--{name}", value)]
    reference = own_turn(ours)
    times, peers = {}, {}
    try:
        for name, (options, more) in PEERS.items():
            peers[name] = Peer(python, inputs, precision, options, more)
            check_losses(f"{case}, {name}", reference["losses"], peers[name].losses, precision)
        for _ in range(repetitions):
            results = {"atelier": own_turn(ours)} | {name: peer.turn(steps) for name, peer in peers.items()}
            for name, result in results.items():
                for what in ("seconds", "cpu"):
                    times.setdefault((name, what), []).append(statistics.median(result[what]))
    finally:
        for peer in peers.values():
            peer.end()
    return {key: statistics.median(values) for key, values in times.items()}


def main():
    program, python, folder, repetitions = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    precision = os.environ.get("PRECISION", "float32")
    print(f"| {precision} | atelier, ms | " + " | ".join(PEERS) + " |")
    print("|---|---|" + "---|" * len(PEERS))
    for case in sys.argv[5:] or CASES:
        times = measure(case, precision, program, python, folder, repetitions)
        for what, label in (("seconds", "a step"), ("cpu", "its CPU time")):
            own = times["atelier", what]
            cells = [f"{times[peer, what] * 1e3:.0f} ({own / times[peer, what]:.2f})" for peer in PEERS]
            print(f"| {case}, {label} | {own * 1e3:.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
