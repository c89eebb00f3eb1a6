"""The networks and losses of models/ in plain PyTorch, as one would write them; the U-Net is scripts/load_unet.py's."""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from load_unet import SIGMA_DATA, UNet, denoise  # noqa: E402

CONDITION_CHANNELS = {"outline": 1, "file": 3}
STEERING = 8 + 3  # a label's embedding, a colour


class Steering(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.label = nn.Embedding(labels + 1, 8)

    def forward(self, labels, colors):
        return torch.cat([self.label(torch.where(labels < 0, self.label.num_embeddings - 1, labels)), colors], dim=1)


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
        return F.leaky_relu(x if self.norm is None else self.norm(x, steering), 0.2)


class Up(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm = SteeredNorm(channels_out)

    def forward(self, x, partner, steering):
        large = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.relu(self.norm(self.conv(torch.cat([large, partner], dim=1)), steering))


def planes(conditions, steering):
    flat = steering[:, :, None, None].expand(-1, -1, *conditions.shape[2:])
    return torch.cat([conditions, flat], dim=1)


class Generator(nn.Module):
    def __init__(self, spec):
        super().__init__()
        base, levels = spec["channels"], spec["levels"]
        widths = [base * min(2 ** level, 8) for level in range(levels)]
        partners = [CONDITION_CHANNELS[spec["condition"]] + STEERING] + widths
        ups = [widths[max(level - 1, 0)] for level in range(levels)]
        self.dropout = spec["dropout"]
        self.steering = Steering(len(spec["labels"]))
        self.encoder = nn.ModuleList(Down(partners[level], widths[level], 0 < level and spec["image_size"] >> level + 1 > 1)
                                     for level in range(levels))
        self.decoder = nn.ModuleList(Up((widths[-1] if level == levels - 1 else ups[level + 1]) + partners[level], ups[level])
                                     for level in reversed(range(levels)))
        self.output = nn.Conv2d(base, 3, 3, padding=1)

    def forward(self, conditions, labels, colors):
        steering = self.steering(labels, colors)
        x = planes(conditions, steering)
        partners = []
        for down in self.encoder:
            partners.append(x)
            x = down(x, steering)
        for i, up in enumerate(self.decoder):
            x = up(x, partners.pop(), steering)
            if i < 3 and self.dropout > 0:
                x = F.dropout(x, self.dropout)
        return self.output(x).tanh()


class Discriminator(nn.Module):
    def __init__(self, spec):
        super().__init__()
        strided = 3 if spec["image_size"] >= 64 else 2 if spec["image_size"] >= 32 else 1
        widths = [spec["channels"] << i for i in range(strided + 1)]
        channels = [CONDITION_CHANNELS[spec["condition"]] + STEERING + 3] + widths + [1]
        self.steering = Steering(len(spec["labels"]))
        self.conv = nn.ModuleList(nn.Conv2d(channels[i], channels[i + 1], 4, stride=2 if i < strided else 1, padding=1)
                                  for i in range(strided + 2))
        self.norm = nn.ModuleList(nn.InstanceNorm2d(width, affine=True) for width in widths[1:])

    def forward(self, conditions, labels, colors, pictures):
        x = torch.cat([planes(conditions, self.steering(labels, colors)), pictures], dim=1)
        x = F.leaky_relu(self.conv[0](x), 0.2)
        for conv, norm in zip(self.conv[1:-1], self.norm):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return self.conv[-1](x)


def from_pixels(pixels):
    return pixels.float() * (2 / 255) - 1


def foreground_colors(images):
    """The mean colour of what is darker than the lightest value, in -1..1."""
    pixels = images.float()
    background = pixels.amax(dim=(2, 3), keepdim=True)
    foreground = (background - pixels > 8).any(dim=1, keepdim=True)
    count = foreground.sum(dim=(2, 3))
    mean = (pixels * foreground).sum(dim=(2, 3)) / count.clamp_min(1)
    return from_pixels(torch.where(count > 0, mean, background.flatten(1)).round())


def denoising_loss(unet, pictures, noise, sigma, labels, conditions):
    noisy = pictures + sigma[:, None, None, None] * noise
    weight = (sigma ** 2 + SIGMA_DATA ** 2) / (sigma * SIGMA_DATA) ** 2
    error = denoise(unet, noisy, sigma, labels, conditions).float() - pictures
    return (weight * error.square().mean(dim=(1, 2, 3))).mean()


def discriminator_loss(real, fake):
    return (F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()) / 2


def generator_loss(judged, fake, pictures):
    return F.softplus(-judged.float()).mean() + 100 * (fake.float() - pictures).abs().mean()


__all__ = ["Discriminator", "Generator", "UNet", "denoising_loss", "discriminator_loss", "foreground_colors",
           "from_pixels", "generator_loss"]
