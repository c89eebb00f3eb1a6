#!/usr/bin/env python3
"""Trains pix2pix in plain PyTorch on the pictures of a list, and prints its held-out loss: does Atelier's lie among the seeds'?

    atelier-data stream LIST --held-out --data.held_out 0.1 --dump 1000 |
      bench/train/reference.py INPUTS.safetensors LIST --steps 1600 --seed 1

INPUTS, of `bench_train --seed 1 --inputs`, has the first weights, the network's sizes and the optimizer's settings. The dump
names the rows that are held out; Atelier's run has --model.dropout 0, since these networks have none. The order, flips and all
else that is drawn are PyTorch's own. LIST is a JSONL list with files as url and condition_url, which pillow decodes, of pictures a
whole multiple of the network's side; where they are of that side, as PNG, both train on the same pixels.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from networks import foreground_colors, from_pixels
from torch_steps import Pix2Pix, read_safetensors


def pixels_of(file, side, mode):
    picture = Image.open(file)
    picture.draft(mode, (side, side))  # a JPEG is decoded at a fraction of its size, as Atelier does
    picture = picture.convert(mode)
    pixels = np.array(picture.reduce(picture.width // side))
    return torch.from_numpy(pixels.reshape(side, side, -1)).permute(2, 0, 1)


class Pictures:
    """All rows of a list in memory."""

    def __init__(self, list_file, spec):
        rows = [json.loads(line) for line in list_file.read_text().splitlines()]
        side, folder = spec["image_size"], list_file.parent
        self.images = torch.stack([pixels_of(folder / row["url"], side, "RGB") for row in rows])
        mode = "RGB" if spec["condition"] == "file" else "L"
        self.conditions = torch.stack([pixels_of(folder / row["condition_url"], side, mode) for row in rows])
        names = sorted({row["label"] for row in rows})
        self.labels = torch.tensor([names.index(row["label"]) for row in rows])

    def batch(self, rows, flipped):
        turn = lambda pixels: torch.where(flipped[:, None, None, None], pixels.flip(3), pixels)
        return {"images": turn(self.images[rows]), "conditions": turn(self.conditions[rows]), "labels": self.labels[rows]}


def batches(rows, size, steps):
    """Pass after pass over the rows, each in an order of its own."""
    order = torch.cat([rows[torch.randperm(len(rows))] for _ in range(-(-steps * size // len(rows)))])
    for step in range(steps):
        yield order[step * size:(step + 1) * size], torch.rand(size) < 0.5


@torch.no_grad()
def held_out_loss(player, pictures, rows):
    """The mean L1 distance in pixels of 0..1, of the first average."""
    network, raw = player.network, [p.clone() for p in player.parameters]
    for parameter, average in zip(player.parameters, player.averages[0]):
        parameter.copy_(average)
    losses = []
    for some in rows.split(32):
        batch = pictures.batch(some, torch.zeros(len(some), dtype=torch.bool))
        fake = network(from_pixels(batch["conditions"]), batch["labels"], foreground_colors(batch["images"]))
        losses.append((fake - from_pixels(batch["images"])).abs().mean(dim=(1, 2, 3)) / 2)
    for parameter, own in zip(player.parameters, raw):
        parameter.copy_(own)
    return torch.cat(losses).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs")
    parser.add_argument("list", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    held_out = torch.tensor(sorted({int(line.split(",")[1]) for line in sys.stdin}))
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tensors, metadata = read_safetensors(options.inputs)
    spec = json.loads(metadata["atelier.spec"])
    model = Pix2Pix(spec, tensors, json.loads(metadata["optimisation"]), False, contextlib.nullcontext)
    pictures = Pictures(options.list, spec)
    trained = torch.tensor(sorted(set(range(len(pictures.images))) - set(held_out.tolist())))
    begin = time.monotonic()
    for step, (rows, flipped) in enumerate(batches(trained, options.batch, options.steps), 1):
        model.step(pictures.batch(rows, flipped))
        for player in model.players:
            player.average(step)
        if step % 200 == 0 or step == options.steps:
            loss = held_out_loss(model.players[1], pictures, held_out)
            print(f"step {step}: held-out L1 {loss:.4f} of {len(held_out)} pictures, {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
