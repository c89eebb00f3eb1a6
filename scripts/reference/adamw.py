#!/usr/bin/env python3
"""Reference values of train/optimizer: PyTorch's AdamW on gradients known in closed form.

Writes tests/train/reference/adamw.json. Element i of a parameter (counted over all of them) has the gradient
sin(1 + i + 0.7 * step), step from 0. Needs torch 2.13; run from the top of the repository.
"""
import json
import math
import pathlib

import torch

SHAPES = {"weight": [3, 2], "bias": [3]}
STEPS = 10
CASES = [
    {"rate": 1e-2, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0, "clip": 0.0},
    {"rate": 1e-2, "beta1": 0.5, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0.1, "clip": 0.0},
    {"rate": 3e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-6, "weight_decay": 0.01, "clip": 0.5},
]


def run(case):
    parameters, first = {}, 0
    for name, shape in SHAPES.items():
        count = math.prod(shape)
        parameters[name] = torch.nn.Parameter(torch.linspace(-1, 1, count).reshape(shape))
    optimizer = torch.optim.AdamW(parameters.values(), lr=case["rate"], betas=(case["beta1"], case["beta2"]),
                                  eps=case["epsilon"], weight_decay=case["weight_decay"])
    norms = []
    for step in range(STEPS):
        first = 0
        for parameter in parameters.values():
            i = torch.arange(first, first + parameter.numel(), dtype=torch.float32)
            parameter.grad = torch.sin(1 + i + 0.7 * step).reshape(parameter.shape)
            first += parameter.numel()
        limit = case["clip"] or float("inf")
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), limit).item())
        optimizer.step()
    state = {name: optimizer.state[parameter] for name, parameter in parameters.items()}
    return {**case, "norms": norms,
            "parameters": {name: p.detach().flatten().tolist() for name, p in parameters.items()},
            "exp_avg": {name: s["exp_avg"].flatten().tolist() for name, s in state.items()},
            "exp_avg_sq": {name: s["exp_avg_sq"].flatten().tolist() for name, s in state.items()}}


target = pathlib.Path("tests/train/reference/adamw.json")
target.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "shapes": SHAPES, "steps": STEPS,
                              "cases": [run(case) for case in CASES]}) + "\n")
