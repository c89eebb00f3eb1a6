#!/usr/bin/env python3
"""The steps of bench_train in plain PyTorch: the same first weights, batches, losses, optimizer, clipping and averages.

    torch_steps.py INPUTS.safetensors [--compile] [--channels-last] [--precision bfloat16] [--threads 2] [--compared 5]

warms up on the first steps, with the noise in the file, and prints their losses as one line of JSON, to be compared. Then it
takes turns: for each line on stdin it makes that many more steps, which draw their own noise as a training does, and prints
the seconds of each and the processor's seconds.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

import torch

from networks import (Discriminator, Generator, UNet, denoising_loss, discriminator_loss, foreground_colors, from_pixels,
                      generator_loss)

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from load_unet import read_safetensors  # noqa: E402

GAMMAS = (16.97, 6.94)  # of the two averages: relative lengths 0.05 and 0.10


class Player:
    """A network with its optimizer and averages."""

    def __init__(self, network, weights, prefix, settings, averaged=True):
        own = {name[len(prefix) + 1:]: tensor for name, tensor in weights.items() if name.startswith(prefix + ".")}
        network.load_state_dict({name: own[name] for name in network.state_dict()})
        self.network, self.clip = network, settings["clip"]
        self.parameters = list(network.parameters())
        self.averages = [[p.detach().clone() for p in self.parameters] for _ in GAMMAS] if averaged else []
        self.optimizer = torch.optim.AdamW(self.parameters, lr=settings["learning_rate"],
                                           betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"],
                                           weight_decay=settings["weight_decay"], fused=True)

    def use_channels_last(self):
        self.network.to(memory_format=torch.channels_last)
        self.averages = [[p.detach().clone() for p in self.parameters] for _ in self.averages]

    def update(self, loss):
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()

    @torch.no_grad()
    def average(self, step):
        for gamma, average in zip(GAMMAS, self.averages):
            torch._foreach_lerp_(average, self.parameters, 1 - (1 - 1 / step) ** (gamma + 1))


class Diffusion:
    def __init__(self, spec, weights, settings, compiled, autocast):
        self.players = [Player(UNet(spec), weights, "denoiser", settings)]
        network = self.players[0].network
        self.network = torch.compile(network) if compiled else network
        self.autocast = autocast

    def step(self, batch):
        noise, sigma = batch.get("noise"), batch.get("sigma")
        pictures = from_pixels(batch["images"])
        if noise is None:
            noise = torch.randn_like(pictures)
            sigma = (torch.randn(len(pictures)) * 1.2 - 1.2).exp()
        conditions = from_pixels(batch["conditions"]) if "conditions" in batch else None
        with self.autocast():
            loss = denoising_loss(self.network, pictures, noise, sigma, batch["labels"], conditions)
        self.players[0].update(loss)
        return [loss.item()]


class Pix2Pix:
    def __init__(self, spec, weights, settings, compiled, autocast):
        self.players = [Player(Discriminator(spec), weights, "discriminator", settings, averaged=False),
                        Player(Generator(spec), weights, "generator", settings)]
        wrap = torch.compile if compiled else lambda network: network
        self.discriminator, self.generator = (wrap(player.network) for player in self.players)
        self.autocast = autocast

    def step(self, batch):
        pictures, conditions = from_pixels(batch["images"]), from_pixels(batch["conditions"])
        inputs = (conditions, batch["labels"], foreground_colors(batch["images"]))
        judge, maker = self.players
        with self.autocast():
            fake = self.generator(*inputs)
            judge_loss = discriminator_loss(self.discriminator(*inputs, pictures),
                                            self.discriminator(*inputs, fake.detach()))
        judge.update(judge_loss)
        judge.network.requires_grad_(False)
        with self.autocast():
            maker_loss = generator_loss(self.discriminator(*inputs, fake), fake, pictures)
        maker.update(maker_loss)
        judge.network.requires_grad_(True)
        return [judge_loss.item(), maker_loss.item()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compared", type=int, default=5, metavar="STEPS")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tensors, metadata = read_safetensors(options.inputs)
    spec, settings = json.loads(metadata["atelier.spec"]), json.loads(metadata["optimisation"])

    def autocast():
        if options.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", torch.bfloat16)

    model = {"diffusion": Diffusion, "pix2pix": Pix2Pix}[spec["kind"]](spec, tensors, settings, options.compile, autocast)
    if options.channels_last:
        for player in model.players:
            player.use_channels_last()
    done = 0

    def make_step():
        nonlocal done
        names = ["images", "labels", "conditions"] + (["noise", "sigma"] if done < options.compared else [])
        batch = {name: tensors[name][done % len(tensors["images"])] for name in names if name in tensors}
        begin, cpu = time.perf_counter(), time.process_time()
        losses = model.step(batch)
        done += 1
        for player in model.players:
            player.average(done)
        return losses, time.perf_counter() - begin, time.process_time() - cpu

    print(json.dumps({"losses": [make_step()[0] for _ in range(options.compared)]}), flush=True)
    for count in map(int, sys.stdin):
        _, seconds, cpu = zip(*(make_step() for _ in range(count)))
        print(json.dumps({"seconds": seconds, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main()
