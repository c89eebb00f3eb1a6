#!/usr/bin/env python3
"""Draws generated pictures with the nearest training picture under each: are they new, or remembered?

    atelier-generate --checkpoint RUN --requests requests.jsonl > designs.json
    atelier-data stream LIST --data.held_out 0.1 --dump 20000 | scripts/nearest.py designs.json LIST --out nearest.png

The dump names the pictures that the run was trained on: give it the settings of the run's data, and at least as many samples
as the list has rows. Distances are root mean squares over all pixels and colours, in levels of 255, to the nearest training
picture or its mirror image. What is usual between different pieces, the pictures that the run was not trained on say:
a generated picture is called remembered, and framed in red, where it is nearer to its training picture than 19 of 20
of those are to theirs. With --requests FILE, the requests that were answered, each row begins with the condition that was
given and, under it, the list's own picture of that condition. LIST is a JSONL list with paths of files as URLs. Needs numpy and pillow.
"""

import argparse
import base64
import collections
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CELL = 96  # pixels of a picture on the sheet
TEXT = 14  # pixels of a line of text
USUAL = 0.05  # of the pictures that were never trained on are nearer than what counts as remembered


def square(file, side):
    """A picture as data.fit: pad has it: whole, in the middle of a white square."""
    picture = Image.open(file).convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.BOX)
    page = Image.new("RGB", (side, side), "white")
    page.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(page, np.float32).reshape(-1)


def load_those_that_can_be(files, side):
    """What a run could not decode is no picture that it was not trained on."""
    loaded = []
    for file in files:
        try:
            loaded.append(square(file, side))
        except OSError:
            continue
    return loaded


def mirrored(rows, side):
    return rows.reshape(-1, side, side, 3)[:, :, ::-1].reshape(len(rows), -1)


def nearest(pictures, training, block=256):
    """For each row of `pictures` the nearest row of `training`, and its distance."""
    squares = np.einsum("ij,ij->i", training, training)
    found, distances = [], []
    for begin in range(0, len(pictures), block):
        some = pictures[begin:begin + block]
        square_distances = np.einsum("ij,ij->i", some, some)[:, None] - 2 * some @ training.T + squares
        found.append(square_distances.argmin(axis=1))
        distances.append(np.sqrt(square_distances.min(axis=1).clip(0) / some.shape[1]))
    return np.concatenate(found), np.concatenate(distances)


def given_pairs(requests, list_file, rows, side):
    """For each request its condition, and the picture of the row that has it (white: none has), as `square` gives them."""
    pictures = {(list_file.parent / row["condition_url"]).resolve(): list_file.parent / row["url"]
                for row in rows if "condition_url" in row}
    pairs = []
    for number, request in enumerate(map(json.loads, requests.read_text().splitlines()), 1):
        if "condition" not in request:
            sys.exit(f"nearest.py: line {number} of {requests} has no condition; leave --requests out")
        own = pictures.get(Path(request["condition"]).resolve())
        pairs.append((square(request["condition"], side),
                      square(own, side) if own else np.full(3 * side * side, 255, np.float32)))
    return pairs


def draw(designs, pictures, training, found, distances, limit, side, pairs, file):
    """A row of the sheet for each request: what was given, its pictures, their neighbours under them, the distances under these."""
    rows = collections.defaultdict(list)
    for index, design in enumerate(designs):
        rows[design["request"]].append(index)
    first = 1 if pairs else 0
    height = 2 * CELL + TEXT
    sheet = Image.new("RGB", ((first + max(map(len, rows.values()))) * CELL, len(rows) * (height + TEXT)), "white")
    pen = ImageDraw.Draw(sheet)

    def paste(column, top, above, below):
        for line, pixels in enumerate((above, below)):
            tile = Image.fromarray(pixels.reshape(side, side, 3).astype(np.uint8)).resize((CELL, CELL), Image.Resampling.BICUBIC)
            sheet.paste(tile, (column * CELL, top + TEXT + line * CELL))

    for row, request in enumerate(sorted(rows)):
        top = row * (height + TEXT)
        pen.text((4, top + 1), designs[rows[request][0]]["label"] or "no label", fill="black")
        if pairs:
            paste(0, top, *pairs[request])
        for column, index in enumerate(rows[request], first):
            paste(column, top, pictures[index], training[found[index]])
            near = distances[index] < limit
            pen.text((column * CELL + 4, top + TEXT + 2 * CELL), f"{distances[index]:.1f}", fill="red" if near else "grey")
            if near:
                pen.rectangle((column * CELL, top + TEXT, (column + 1) * CELL - 1, top + TEXT + 2 * CELL - 1), outline="red")
    sheet.save(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", help="the reply of atelier-generate")
    parser.add_argument("list", type=Path, help="the run's list")
    parser.add_argument("--out", required=True, help="PNG of the sheet")
    parser.add_argument("--requests", type=Path, metavar="FILE", help="what was asked for, with a condition each")
    options = parser.parse_args()

    designs = json.loads(Path(options.designs).read_text())["data"]
    side = int(designs[0]["size"].split("x")[0])
    rows = [json.loads(line) for line in options.list.read_text().splitlines()]
    trained = sorted({int(line.split(",")[1]) for line in sys.stdin})
    if not trained:
        sys.exit("nearest.py: stdin names no picture; pipe `atelier-data stream LIST --dump N` into it")
    labels = {rows[entry]["label"] for entry in trained}
    others = sorted(set(range(len(rows))) - set(trained))
    others = [entry for entry in others if rows[entry]["label"] in labels]
    file_of = lambda entry: options.list.parent / rows[entry]["url"]
    training = np.stack([square(file_of(entry), side) for entry in trained])
    training = np.concatenate([training, mirrored(training, side)])

    pictures = np.stack([square(io.BytesIO(base64.b64decode(design["b64_json"])), side) for design in designs])
    found, distances = nearest(pictures, training)
    unseen = load_those_that_can_be(map(file_of, others), side)
    if unseen:
        usual = nearest(np.stack(unseen), training)[1]
        limit = float(np.quantile(usual, USUAL))
        print(f"{len(unseen)} pictures that were not trained on: nearest at {np.median(usual):.1f} levels (median), "
              f"1 of 20 nearer than {limit:.1f}")
    else:
        limit = 0.0
        print("all pictures were trained on: nothing says what distance is usual")
    print(f"{len(designs)} generated pictures: nearest at {np.median(distances):.1f} levels (median), "
          f"{int((distances < limit).sum())} remembered")
    pairs = given_pairs(options.requests, options.list, rows, side) if options.requests else []
    draw(designs, pictures, training, found, distances, limit, side, pairs, options.out)


if __name__ == "__main__":
    main()
