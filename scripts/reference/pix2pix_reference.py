#!/usr/bin/env python3
"""Makes tests/models/data/pix2pix.safetensors: tiny pix2pix networks' random weights under "generator." and
"discriminator.", examples under "in.", and what PyTorch answers, computed in float64, under "out.": the generator's
pictures, the discriminator's logits of them and of the real ones, and both players' losses. Needs torch and numpy.

    python scripts/reference/pix2pix_reference.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

root = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(root / "scripts"), str(root / "scripts" / "reference")]
import load_pix2pix  # noqa: E402
from unet_reference import write_safetensors  # noqa: E402

SPEC = {"kind": "pix2pix", "image_size": 32, "condition": "outline", "labels": ["chair", "table"], "channels": 2,
        "levels": 5, "blocks": 1, "attention_size": 0, "dropout": 0.0, "label_dropout": 0.0}


def main():
    draw = np.random.Generator(np.random.PCG64(2))

    def normal(*shape):
        return torch.from_numpy(draw.standard_normal(shape).astype(np.float32))

    def randomise(module):
        with torch.no_grad():  # every weight away from 0 and 1, so that each one shows in the output
            for name, parameter in sorted(module.named_parameters()):
                if parameter.dim() > 1:
                    parameter.copy_(normal(*parameter.shape) * (2 / parameter[0].numel()) ** 0.5)
                else:
                    parameter.copy_(0.2 * normal(*parameter.shape) + ("norm" in name and name.endswith("weight")))
        return module

    generator = randomise(load_pix2pix.Generator(SPEC))
    discriminator = randomise(load_pix2pix.Discriminator(SPEC))
    tensors = {f"{prefix}.{name}": tensor.detach().clone()
               for prefix, module in (("discriminator", discriminator), ("generator", generator))
               for name, tensor in sorted(module.state_dict().items()) if "palette" not in name}

    # Bytes as the stream delivers them, kept as integers so that they survive any writer; the foreground is a square on
    # white, and its mean colour is what the networks are told.
    images = torch.full((2, 3, 32, 32), 255.0)
    images[:, :, 8:24, 4:20] = torch.from_numpy(draw.integers(0, 200, (2, 3, 16, 16)).astype(np.float32))
    sketches = 255 * (normal(2, 1, 32, 32) > 1).float()
    labels = torch.tensor([1, -1])
    colors = images[:, :, 8:24, 4:20].mean(dim=(2, 3)).round()

    generator, discriminator = generator.double().eval(), discriminator.double().eval()
    given = (sketches.double() / 127.5 - 1, labels, colors.double() / 127.5 - 1)
    real = images.double() / 127.5 - 1
    with torch.no_grad():
        fake = generator(*given)
        logits_real, logits_fake = discriminator(*given, real), discriminator(*given, fake)

    def cross_entropy(logits, answer):
        target = torch.full_like(logits, answer)
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(1, 2, 3))

    distance = F.l1_loss(fake, real, reduction="none").mean(dim=(1, 2, 3))
    answers = {
        "in.images": images, "in.sketches": sketches, "in.labels": labels, "in.colors": colors,
        "out.fake": fake, "out.logits_real": logits_real, "out.logits_fake": logits_fake,
        "out.discriminator_loss": (cross_entropy(logits_real, 1.0) + cross_entropy(logits_fake, 0.0)) / 2,
        "out.generator_loss": cross_entropy(logits_fake, 1.0) + 100 * distance,
        "out.held_out": distance / 2,
    }
    answers = {name: tensor if tensor.dtype == torch.int64 else tensor.float() for name, tensor in answers.items()}
    write_safetensors(root / "tests/models/data/pix2pix.safetensors", tensors | answers, {"atelier.spec": json.dumps(SPEC)})


if __name__ == "__main__":
    main()
