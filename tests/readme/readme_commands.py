#!/usr/bin/env python3
"""Runs README.md's commands word for word, on a list of small pictures; the environment makes the model small.

    readme_commands.py CHECKOUT FOLDER_OF_THE_PROGRAMS
"""

import base64
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
SMALL = {"EPOCHS": "1", "STEPS_PER_EPOCH": "2", "BATCH_SIZE": "4", "ATELIER_MODEL_CHANNELS": "8",
         "ATELIER_TRAIN_THREADS": "1", "ATELIER_GENERATE_STEPS": "2", "ATELIER_GENERATE_THREADS": "1"}


def png(side, shade):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    row = b"\0" + bytes([shade, 90, 255 - shade]) * side
    return (PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(row * side)) + chunk(b"IEND", b""))


def write_list(folder):
    with open(folder / "chairs.jsonl", "w") as rows:
        for i in range(20):
            (folder / f"{i}.png").write_bytes(png(40, 10 * i))
            rows.write(json.dumps({"url": str(folder / f"{i}.png"), "label": "chair"}) + "\n")
    (folder / "mine.png").write_bytes(png(50, 120))


def main():
    checkout, programs = map(Path, sys.argv[1:])
    blocks = re.findall(r"```sh\n(.*?)```", (checkout / "README.md").read_text(), re.DOTALL)
    scripts, programs_block = blocks
    for line in scripts.splitlines():
        assert os.access(checkout / line.split()[0], os.X_OK), line
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_list(folder)
        for command in programs_block.splitlines():
            done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
                                  env=os.environ | SMALL | {"PATH": f"{programs}:{os.environ['PATH']}"})
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            if "--dump 100" in command:
                assert len(re.findall(r"^\d+,\d+,[0-9a-f]{64}$", done.stdout, re.MULTILINE)) == 100, done.stdout
        designs = json.loads((folder / "chairs.json").read_text())["data"]
        assert len(designs) == 4 and designs[0]["seed"] == 7, designs
        assert all(base64.b64decode(design["b64_json"]).startswith(PNG) for design in designs)
        assert len(list((folder / "designs").glob("*.png"))) == 1
    print(f"{len(programs_block.splitlines())} commands ran")


if __name__ == "__main__":
    main()
