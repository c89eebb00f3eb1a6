#!/usr/bin/env python3
"""Can somebody who does not know tell what the pictures show? A blind test of a model that draws from labels.

    atelier-generate --checkpoint RUN --requests requests.jsonl > designs.json
    scripts/naming.py ask designs.json --seed 1 --out naming/       naming/grid.png and naming/names.txt, naming/key.json
    scripts/naming.py score naming/ answers.txt                     share of right answers, and who was taken for whom

`grid.png` shows the pictures in an order that the seed shuffles, numbered and without labels: give it with names.txt, and not
the key, to whoever answers. answers.txt has a line for each picture, NUMBER NAME. Needs pillow.
"""

import argparse
import base64
import collections
import io
import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

CELL, TEXT, COLUMNS = 128, 14, 10


def ask(designs, seed, out):
    designs = sorted(designs, key=lambda design: (design["label"], design["seed"]))
    random.Random(seed).shuffle(designs)
    rows = -(-len(designs) // COLUMNS)
    grid = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + TEXT)), "white")
    pen = ImageDraw.Draw(grid)
    for index, design in enumerate(designs):
        left, top = index % COLUMNS * CELL, index // COLUMNS * (CELL + TEXT)
        picture = Image.open(io.BytesIO(base64.b64decode(design["b64_json"]))).convert("RGB")
        grid.paste(picture.resize((CELL, CELL), Image.Resampling.BICUBIC), (left, top + TEXT))
        pen.text((left + 4, top + 1), str(index + 1), fill="black")
    out.mkdir(parents=True, exist_ok=True)
    grid.save(out / "grid.png")
    names = sorted({design["label"] for design in designs})
    (out / "names.txt").write_text("".join(name + "\n" for name in names))
    key = {index + 1: {"label": design["label"], "seed": design["seed"]} for index, design in enumerate(designs)}
    (out / "key.json").write_text(json.dumps(key, indent=1) + "\n")


def score(folder, file):
    key = {int(number): design["label"] for number, design in json.loads((folder / "key.json").read_text()).items()}
    names = (folder / "names.txt").read_text().split("\n")[:-1]
    answers = {}
    for line in filter(str.strip, file.read_text().splitlines()):
        number, _, name = line.strip().partition(" ")
        if not number.isdigit() or int(number) not in key or name.strip() not in names:
            sys.exit(f"naming.py: {file}: {line!r} is not the number of a picture and one of the names; correct it")
        answers[int(number)] = name.strip()
    if len(answers) < len(key):
        sys.exit(f"naming.py: {file} has no answer for picture {min(set(key) - set(answers))}; add it")
    counts = collections.Counter((key[number], answers[number]) for number in key)
    right = sum(counts[name, name] for name in names)
    print(f"{right} of {len(key)} right, {right / len(key):.0%}\n")
    print("| shown \\ named | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for shown in names:
        print(f"| {shown} | " + " | ".join(str(counts[shown, named] or "") for named in names) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("ask", help="draw the grid")
    asking.add_argument("designs", type=Path, help="the reply of atelier-generate")
    asking.add_argument("--seed", type=int, required=True, help="of the order")
    asking.add_argument("--out", type=Path, required=True, help="folder")
    scoring = commands.add_parser("score", help="count the answers")
    scoring.add_argument("folder", type=Path, help="what `ask` made")
    scoring.add_argument("answers", type=Path, help="NUMBER NAME a line")
    options = parser.parse_args()
    if options.command == "ask":
        ask(json.loads(options.designs.read_text())["data"], options.seed, options.out)
    else:
        score(options.folder, options.answers)


if __name__ == "__main__":
    main()
