#!/usr/bin/env python3
"""The pix2pix model of a run as plain PyTorch modules.

    python scripts/load_pix2pix.py runs/demo/train/positions/000000016000/ema.safetensors

prints what the model is and paints one blank sketch. From Python:

    from load_pix2pix import load_generator
    generator, spec = load_generator("ema.safetensors")
    pictures = generator(conditions, labels, colors)    # float32 [N, 3, S, S] in [-1, 1]

with conditions [N, C, S, S] and colors [N, 3] in [-1, 1], and labels int64 [N], -1 for none. Needs PyTorch only.
models/pix2pix.h describes the networks.
"""

import argparse
import json

import torch
from torch import nn
from torch.nn import functional as F

from load_unet import read_safetensors

LABEL_WIDTH = 8
STEERING = LABEL_WIDTH + 3
PALETTE = 64


def condition_channels(spec):
    return {"outline": 1, "file": 3}[spec["condition"]]


def planes(conditions, steering):
    """The condition, and the steering numbers as constant planes."""
    flat = steering[:, :, None, None].expand(-1, -1, *conditions.shape[2:])
    return torch.cat([conditions, flat], dim=1)


class Steering(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.label = nn.Embedding(labels + 1, LABEL_WIDTH)

    def forward(self, labels, colors):
        labels = torch.where(labels < 0, self.label.num_embeddings - 1, labels)
        return torch.cat([self.label(labels), colors], dim=1)


class SteeredNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.modulation = nn.Linear(STEERING, 2 * channels)

    def forward(self, x, steering):
        scale, shift = self.modulation(steering)[:, :, None, None].chunk(2, dim=1)
        return F.instance_norm(x) * (1 + scale) + shift


class Down(nn.Module):
    def __init__(self, channels_in, channels_out, normed):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1)
        self.norm = SteeredNorm(channels_out) if normed else None

    def forward(self, x, steering):
        x = self.conv(x)
        return x if self.norm is None else self.norm(x, steering)


class Up(nn.Module):
    def __init__(self, channels_in, partner, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in + partner, channels_out, 3, padding=1)
        self.norm = SteeredNorm(channels_out)

    def forward(self, x, partner, steering):
        return self.norm(self.conv(torch.cat([F.interpolate(x, scale_factor=2), partner], dim=1)), steering)


class Palette(nn.Module):
    """Colours seen in training; no part of forward."""

    def __init__(self, labels):
        super().__init__()
        self.register_buffer("colors", torch.zeros(labels + 1, PALETTE, 3, dtype=torch.uint8))
        self.register_buffer("counts", torch.zeros(labels + 1, dtype=torch.int64))


class Generator(nn.Module):
    """Without dropout. `spec` is the dictionary in the weights' metadata."""

    def __init__(self, spec):
        super().__init__()
        inputs = condition_channels(spec) + STEERING
        widths = [spec["channels"] * min(2 ** level, 8) for level in range(spec["levels"])]
        self.steering = Steering(len(spec["labels"]))
        self.palette = Palette(len(spec["labels"]))
        self.encoder = nn.ModuleList(
            Down(channels, width, normed=level > 0 and spec["image_size"] >> (level + 1) > 1)
            for level, (channels, width) in enumerate(zip([inputs, *widths], widths)))
        ins = [*reversed(widths)]
        self.decoder = nn.ModuleList(
            Up(channels, partner, out) for channels, partner, out in
            zip(ins, [*ins[1:], inputs], [*ins[1:], widths[0]]))
        self.output = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, conditions, labels, colors):
        steering = self.steering(labels, colors)
        x = planes(conditions, steering)
        partners = []
        for down in self.encoder:
            partners.append(x)
            x = F.leaky_relu(down(x, steering), 0.2)
        for up in self.decoder:
            x = F.relu(up(x, partners.pop(), steering))
        return torch.tanh(self.output(x))


class Discriminator(nn.Module):
    def __init__(self, spec):
        super().__init__()
        strided = 3 if spec["image_size"] >= 64 else 2 if spec["image_size"] >= 32 else 1
        widths = [spec["channels"] * 2 ** i for i in range(strided + 1)]
        ins = [condition_channels(spec) + STEERING + 3, *widths]
        self.steering = Steering(len(spec["labels"]))
        self.conv = nn.ModuleList(nn.Conv2d(channels, out, 4, stride=2 if i < strided else 1, padding=1)
                                  for i, (channels, out) in enumerate(zip(ins, [*widths, 1])))
        self.norm = nn.ModuleList(nn.InstanceNorm2d(width, affine=True) for width in widths[1:])

    def forward(self, conditions, labels, colors, pictures):
        x = torch.cat([planes(conditions, self.steering(labels, colors)), pictures], dim=1)
        x = F.leaky_relu(self.conv[0](x), 0.2)
        for conv, norm in zip(self.conv[1:], self.norm):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return self.conv[-1](x)


def load_generator(path):
    """(generator, spec) of a weights file that is trusted."""
    tensors, metadata = read_safetensors(path)
    spec = json.loads(metadata["atelier.spec"])
    generator = Generator(spec)
    prefix = "generator."
    generator.load_state_dict({name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)})
    return generator.eval(), spec


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="ema.safetensors or model.safetensors of a pix2pix checkpoint")
    generator, spec = load_generator(parser.parse_args().weights)
    print(json.dumps(spec, indent=2))
    print(f"{sum(p.numel() for p in generator.parameters()):,} weights")
    blank = -torch.ones(1, condition_channels(spec), spec["image_size"], spec["image_size"])
    with torch.no_grad():
        picture = generator(blank, torch.tensor([-1]), torch.zeros(1, 3))
    print(f"a blank sketch becomes a picture of mean {picture.mean():.3f}, deviation {picture.std():.3f}")


if __name__ == "__main__":
    main()
