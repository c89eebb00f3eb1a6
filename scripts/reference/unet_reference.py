#!/usr/bin/env python3
"""Makes tests/models/data/unet.safetensors: a tiny U-Net's random weights under "denoiser.", an input under "in.", and
what PyTorch answers, computed in float64, under "out.". Needs torch and numpy.

    python scripts/reference/unet_reference.py
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

root = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "scripts"))
import load_unet  # noqa: E402

SPEC = {"kind": "diffusion", "image_size": 16, "condition": "outline", "labels": ["chair", "table"], "channels": 8,
        "levels": 2, "blocks": 1, "attention_size": 8, "dropout": 0.1, "label_dropout": 0.1}


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "I64" if tensor.dtype == torch.int64 else "F32", "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    body = b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def main():
    draw = np.random.Generator(np.random.PCG64(1))

    def normal(*shape):
        return torch.from_numpy(draw.standard_normal(shape).astype(np.float32))

    unet = load_unet.UNet(SPEC)
    with torch.no_grad():  # every weight away from 0 and 1, so that each one shows in the output
        for name, parameter in sorted(unet.named_parameters()):
            if parameter.dim() > 1:
                parameter.copy_(normal(*parameter.shape) * (2 / parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(0.2 * normal(*parameter.shape) + ("norm" in name and name.endswith("weight")))
    weights = {f"denoiser.{name}": parameter.detach().clone() for name, parameter in sorted(unet.named_parameters())}

    noisy, sigma = normal(2, 3, 16, 16), torch.tensor([0.05, 3.0])
    noisy *= (0.25 + sigma ** 2).sqrt()[:, None, None, None]
    labels, conditions = torch.tensor([1, -1]), normal(2, 1, 16, 16).sign()
    with torch.no_grad():
        unet = unet.double().eval()
        # fourier_features works in float32, so its place in float64 is taken by the same formula there.
        load_unet.fourier_features = lambda x, count: torch.cat(
            [f(x[:, None] * torch.logspace(0, 6, count // 2, base=2, dtype=torch.float64)) for f in (torch.cos, torch.sin)], 1)
        answer = unet(noisy.double(), sigma.double().log() / 4, labels, conditions.double())
        denoised = load_unet.denoise(unet, noisy.double(), sigma.double(), labels, conditions.double())
    values = {"in.noisy": noisy, "in.sigma": sigma, "in.labels": labels, "in.conditions": conditions,
              "out.network": answer.float(), "out.denoised": denoised.float()}
    write_safetensors(root / "tests/models/data/unet.safetensors", weights | values, {"atelier.spec": json.dumps(SPEC)})


if __name__ == "__main__":
    main()
