"""The losses of models/ in plain PyTorch, and the networks that the scripts load."""

import sys
from pathlib import Path

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from load_pix2pix import Discriminator, Generator  # noqa: E402
from load_unet import SIGMA_DATA, UNet, denoise  # noqa: E402


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
