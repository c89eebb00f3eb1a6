#!/usr/bin/env python3
"""The diffusion model of a run as a plain PyTorch module.

    python scripts/load_unet.py runs/train/positions/000000032000/ema.safetensors

prints what the model is and denoises one picture of pure noise. From Python:

    from load_unet import load_unet, denoise
    unet, spec = load_unet("ema.safetensors")
    pictures = denoise(unet, noisy, sigma, labels)      # float32 [N, 3, S, S] in [-1, 1]

Needs PyTorch only. models/unet.h describes the network, models/diffusion.h the formulas.
"""

import argparse
import json
import math
import struct
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

SIGMA_DATA = 0.5
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
          "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}


def read_safetensors(path):
    """Tensors by name, and the metadata, of a safetensors file that is trusted."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        raw = torch.frombuffer(bytearray(data[begin:end]), dtype=DTYPES[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"])
    return tensors, metadata


def largest_divisor(n, limit):
    return next(d for d in range(max(1, min(limit, n)), 0, -1) if n % d == 0)


def group_norm(channels):
    return nn.GroupNorm(largest_divisor(channels, min(32, channels // 4)), channels)


def fourier_features(x, count):
    frequencies = torch.linspace(0, math.log(64), count // 2, device=x.device).exp()
    angles = x.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.heads = largest_divisor(channels, channels // 64)
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        n, _, height, width = x.shape
        qkv = self.qkv(self.norm(x)).view(n, 3, self.heads, -1, height * width)
        query, key, value = qkv.transpose(3, 4).unbind(1)  # each [N, heads, H * W, C / heads]
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        return x + self.project(mixed.reshape(x.shape))


class Block(nn.Module):
    def __init__(self, channels_in, channels_out, embedding, attention):
        super().__init__()
        self.norm1 = group_norm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels_out)
        self.norm2 = group_norm(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()
        self.attention = Attention(channels_out) if attention else nn.Identity()

    def forward(self, x, embedding):
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return self.attention(self.shortcut(x) + h)


class UNet(nn.Module):
    """`spec` is the dictionary in the weights' metadata."""

    def __init__(self, spec):
        super().__init__()
        condition_channels = {"none": 0, "outline": 1, "file": 3}[spec["condition"]]
        base, levels, blocks = spec["channels"], spec["levels"], spec["blocks"]
        embedding = 4 * base
        widths = [base] + [2 * base] * (levels - 1)

        def block(channels_in, level):
            attention = spec["image_size"] >> level <= spec["attention_size"]
            return Block(channels_in, widths[level], embedding, attention)

        self.features = base
        self.input = nn.Conv2d(3 + condition_channels, base, 3, padding=1)
        self.noise1 = nn.Linear(base, embedding)
        self.noise2 = nn.Linear(embedding, embedding)
        self.label = nn.Embedding(len(spec["labels"]) + 1, embedding)
        self.encoder = nn.ModuleList(
            nn.ModuleList(block(widths[max(level - 1, 0)] if i == 0 else widths[level], level) for i in range(blocks))
            for level in range(levels))
        self.middle = nn.ModuleList(block(widths[-1], levels - 1) for _ in range(2))
        self.decoder = nn.ModuleList(
            nn.ModuleList(block((widths[min(level + 1, levels - 1)] if i == 0 else widths[level]) + widths[level], level)
                          for i in range(blocks))
            for level in range(levels))
        self.output_norm = group_norm(base)
        self.output = nn.Conv2d(base, 3, 3, padding=1)

    def forward(self, x, noise, labels, conditions=None):
        labels = torch.where(labels < 0, self.label.num_embeddings - 1, labels)
        embedding = self.noise2(F.silu(self.noise1(fourier_features(noise, self.features))))
        embedding = F.silu(embedding + self.label(labels))
        h = self.input(x if conditions is None else torch.cat([x, conditions], dim=1))
        skips = []
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                h = F.avg_pool2d(h, 2)
            for block in blocks:
                h = block(h, embedding)
                skips.append(h)
        for block in self.middle:
            h = block(h, embedding)
        for level in reversed(range(len(self.decoder))):
            for block in self.decoder[level]:
                h = block(torch.cat([h, skips.pop()], dim=1), embedding)
            if level > 0:
                h = F.interpolate(h, scale_factor=2, mode="nearest")
        return self.output(F.silu(self.output_norm(h)))


def load_unet(path):
    """The network with its weights, and the dictionary that describes it."""
    tensors, metadata = read_safetensors(path)
    spec = json.loads(metadata["atelier.spec"])
    if spec["kind"] != "diffusion":
        raise ValueError(f"{path} holds a {spec['kind']} model; this script loads diffusion models")
    unet = UNet(spec)
    prefix = "denoiser."
    unet.load_state_dict({name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)})
    return unet.eval(), spec


def denoise_flow(unet, noisy, t, labels, conditions=None):
    """The same for a model of objective "flow", at time t (1: pure noise), float [N]: the network gives the velocity."""
    return noisy - t[:, None, None, None] * unet(noisy, 2 * t - 1, labels, conditions)


def denoise(unet, noisy, sigma, labels, conditions=None):
    """The pictures that `noisy` most likely was. Karras et al. 2022, equation 7. sigma float [N]; label -1: none."""
    variance = (sigma ** 2 + SIGMA_DATA ** 2)[:, None, None, None]
    answer = unet(noisy / variance.sqrt(), sigma.log() / 4, labels, conditions)
    return SIGMA_DATA ** 2 / variance * noisy + sigma[:, None, None, None] * SIGMA_DATA / variance.sqrt() * answer


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="ema.safetensors or model.safetensors of a diffusion checkpoint")
    unet, spec = load_unet(parser.parse_args().weights)
    print(json.dumps(spec, indent=2))
    print(f"{sum(p.numel() for p in unet.parameters()):,} weights")
    side, channels = spec["image_size"], {"none": 0, "outline": 1, "file": 3}[spec["condition"]]
    conditions = -torch.ones(1, channels, side, side) if channels else None
    flow = spec.get("objective") == "flow"
    level = 1.0 if flow else 80.0
    noise = level * torch.randn(1, 3, side, side)
    picture = (denoise_flow if flow else denoise)(unet, noise, torch.tensor([level]), torch.tensor([-1]), conditions)
    print(f"pure noise is denoised to a mean of {picture.mean():.3f}, deviation {picture.std():.3f}")


if __name__ == "__main__":
    main()
