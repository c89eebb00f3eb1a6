#!/usr/bin/env python3
"""Trains the same steps by Atelier and by plain PyTorch, from the same weights and noise, and prints how far their losses part.

    agree.py BENCH_TRAIN PYTHON FOLDER STEPS [SETTING...]
    bench/train/agree.py build/release/bin/bench_train python /tmp 100 --config furniture-64 --train.batch_size 4

For each player the largest and the last relative difference. Dropout of samples and activations is off on both sides.
"""

import json
import subprocess
import sys
from pathlib import Path

OFF = ["--model.dropout", 0, "--model.label_dropout", 0, "--train.precision", "float32", "--train.threads", 2,
       "--train.warmup", 0, "--train.rate_schedule", "constant"]


def losses_of(command):
    process = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout.splitlines()[0])["losses"]


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    bench, python, folder, steps, *settings = sys.argv[1:]
    inputs = Path(folder) / "agree.safetensors"
    ours = losses_of([bench, *settings, *OFF, "--steps", steps, "--inputs", inputs])
    theirs = losses_of([python, Path(__file__).parent / "torch_steps.py", inputs, "--compared", steps])
    inputs.unlink()
    for player, (one, other) in enumerate(zip(zip(*ours), zip(*theirs)), 1):
        apart = [abs(a - b) / abs(a) for a, b in zip(one, other)]
        print(f"player {player}: {len(apart)} losses, from {one[0]:.4f} to {one[-1]:.4f}; apart by at most {max(apart):.1e} "
              f"(step {apart.index(max(apart)) + 1}), in the end by {apart[-1]:.1e}")


if __name__ == "__main__":
    main()
