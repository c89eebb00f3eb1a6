#!/usr/bin/env python3
"""How well `atelier-data probe --similar` finds near duplicates: Python with Pillow.

    scripts/furniture.py --out runs/demo/data
    bench/lookalikes.py runs/demo/data/images --program build/release/bin/atelier-data

Each picture of the folder is laid beside copies of itself as other sites would have it (see copies()). Prints which
share of the copies of each kind stands in its picture's group, and how many groups join different pictures.
"""

import argparse
import collections
import io
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageEnhance


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


def scaled(image, factor, method):
    return image.resize([max(8, round(edge * factor)) for edge in image.size], method)


def cropped(image, share):
    width, height = image.size
    x, y = round(width * share), round(height * share)
    return image.crop((x, y, width - x, height - y))


def copies(image):
    yield "JPEG, quality 85", jpeg(image, 85)
    yield "JPEG, quality 50", jpeg(image, 50)
    yield "JPEG, quality 25", jpeg(image, 25)
    yield "half the size", scaled(image, 0.5, Image.LANCZOS)
    yield "twice the size", scaled(image, 2, Image.BICUBIC)
    yield "5/7 of the size", scaled(image, 5 / 7, Image.BILINEAR)
    yield "15 % brighter", ImageEnhance.Brightness(image).enhance(1.15)
    yield "15 % darker", ImageEnhance.Brightness(image).enhance(0.85)
    yield "15 % more contrast", ImageEnhance.Contrast(image).enhance(1.15)
    yield "half, 10 % brighter, quality 60", jpeg(ImageEnhance.Brightness(scaled(image, 0.5, Image.LANCZOS)).enhance(1.1), 60)
    yield "1.5 % cut at each edge", cropped(image, 0.015)
    yield "3 % cut at each edge", cropped(image, 0.03)


def on_white(path):
    image = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", default="atelier-data")
    arguments = parser.parse_args()
    names = []  # of each row: the picture, and which copy
    with tempfile.TemporaryDirectory() as folder:
        for picture in sorted(arguments.folder.iterdir()):
            image = on_white(picture)
            for kind, copy in [("original", image), *copies(image)]:
                file = f"{len(names):06}.{'jpg' if 'quality' in kind else 'png'}"
                if "quality" in kind:
                    copy.save(f"{folder}/{file}", "JPEG", quality="keep")
                else:
                    copy.save(f"{folder}/{file}", compress_level=1)
                names.append((picture.name, kind, file))
        Path(folder, "list.txt").write_text("".join(f"{file}\n" for _, _, file in names))
        command = [arguments.program, "probe", f"{folder}/list.txt", "--sample", "0", "--similar", "--json"]
        similar = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["similar"]

    group_of = {row["row"]: number for number, group in enumerate(similar["groups"]) for row in group}
    kinds = collections.Counter(kind for _, kind, _ in names)
    per_picture = len(kinds)
    found = collections.Counter(kind for row, (_, kind, _) in enumerate(names)
                                if group_of.get(row, -1) == group_of.get(row - row % per_picture, -2))
    print(f"{len(names) // per_picture} pictures, {similar['compared']} of {len(names)} files compared, {similar['plain']} plain")
    for kind in list(kinds)[1:]:
        print(f"{found[kind] / kinds[kind]:8.3f}  {kind}")
    mixed = [names_of for group in similar["groups"]
             if len(names_of := sorted({names[row["row"]][0] for row in group})) > 1]
    print(f"{len(mixed)} groups join different pictures")
    for names_of in mixed:
        print("   ", ", ".join(names_of))


if __name__ == "__main__":
    main()
