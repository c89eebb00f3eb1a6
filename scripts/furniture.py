#!/usr/bin/env python3
"""Turns Debian's package sweethome3d-furniture into a folder of images and a list that Atelier streams.

    scripts/furniture.py --out runs/demo/data --base-url http://127.0.0.1:8478

writes OUT/images/*.png (one icon a piece), OUT/furniture.jsonl (a row a piece: url, label, caption, group, creator,
licence, sha256) and OUT/index.html (every picture under its label, for looking at). Without --base-url the URLs are
paths relative to the list. The same package gives the same bytes, and each file appears whole. Standard library only.
"""

import argparse
import collections
import hashlib
import html
import json
import os
import re
import sys
import urllib.parse
import zipfile
from pathlib import Path

PACKAGE = Path("/usr/share/sweethome3d/furniture")
LARGEST_ICON = 4 << 20  # bytes

# Labels by the words of a piece's English name, first match wins. A word stands for itself and its plural.
LABELS = [
    ("other", ["pool table", "football table", "table tennis", "table fan", "abdominal bench", "chest freezer"]),
    ("lamp", ["lamp", "light", "lantern", "spotlight", "lamppost", "chandelier"]),
    ("sofa", ["sofa", "couch"]),
    ("bench", ["bench", "bank"]),  # "wood bank": a bench in the catalogue's own English
    ("desk", ["desk"]),
    ("chair", ["chair", "armchair", "stool", "class seat", "puff"]),
    ("wardrobe", ["wardrobe"]),
    ("cabinet", ["cabinet", "cupboard", "dresser", "locker", "tv stand", "chest", "bedside table"]),
    ("shelf", ["shelf", "shelves", "bookcase"]),
    ("table", ["table"]),
    ("bed", ["bed", "crib", "futon", "air mattress"]),
]
# Kinds of piece in these categories are never furniture, whatever their names say ("Rail crossing", "Seat Leon").
NOT_FURNITURE = {"Characters", "Vehicles", "Doors and windows", "Staircases"}

# SPDX names of what each catalogue says about itself.
LICENCES = [
    ("public domain", "CC0-1.0"),
    ("united states", "CC-BY-3.0-US"),
    ("attribution 3.0", "CC-BY-3.0"),
]


def label_of(name, category):
    if category in NOT_FURNITURE:
        return "other"
    for label, words in LABELS:
        if any(re.search(rf"\b{word}s?\b", name.lower()) for word in words):
            return label
    return "other"


def licence_of(text):
    for words, spdx in LICENCES:
        if words in text.lower():
            return spdx
    sys.exit(f"furniture.py: no SPDX name is known for the licence {text!r}; add it to LICENCES")


def unescape(text):
    """The escapes of Java's .properties files."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)


def read_catalogue(archive):
    """The catalogue's own properties, and those of each piece by its number."""
    catalogue, pieces = {}, collections.defaultdict(dict)
    for line in archive.read("PluginFurnitureCatalog.properties").decode("latin-1").splitlines():
        match = re.match(r"(\w+)(?:#(\d+))?\s*=\s*(.*)", line)
        if match:
            key, number, value = match.groups()
            (pieces[int(number)] if number else catalogue)[key] = unescape(value.strip())
    return catalogue, pieces


def described(catalogue, piece):
    """What a list says of any picture of this piece."""
    name, category = piece["name"], piece.get("category", "")
    return {
        "label": label_of(name, category),
        "caption": f"{name}, {category}".lower(),
        "group": piece["id"],
        "creator": piece.get("creator", catalogue["name"]),
        "licence": licence_of(catalogue["license"]),
    }


def stem_of(path, number, member):
    """The name of a piece's files: its catalogue, its number there, the name of its icon or model."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"{path.stem}-{number:03d}-{Path(member).stem}")


def read_pieces(source):
    """(row without url, file name, PNG bytes) of every piece, in a fixed order."""
    for path in sorted(source.glob("*.sh3f")):
        with zipfile.ZipFile(path) as archive:
            catalogue, pieces = read_catalogue(archive)
            for number in sorted(pieces):
                piece = pieces[number]
                member = archive.getinfo(piece["icon"].lstrip("/"))
                if member.file_size > LARGEST_ICON:
                    sys.exit(f"furniture.py: {path.name} holds an icon of {member.file_size} bytes: {member.filename}")
                icon = archive.read(member)
                row = {**described(catalogue, piece), "sha256": hashlib.sha256(icon).hexdigest()}
                yield row, stem_of(path, number, member.filename) + ".png", icon


def publish(path, data):
    """Writes aside, then renames: a reader sees the whole file or none."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def page(rows):
    """Every picture under its label."""
    sections = []
    for label in sorted({row["label"] for row in rows}):
        cells = "".join(
            f'<figure><img src="images/{row["file"]}" width="96"><figcaption>{html.escape(row["caption"])}</figcaption></figure>'
            for row in rows if row["label"] == label)
        sections.append(f"<h2>{label}</h2>{cells}")
    style = "figure{display:inline-block;width:110px;margin:4px;font:10px sans-serif;vertical-align:top}"
    return f"<!doctype html><meta charset=utf-8><title>Furniture</title><style>{style}</style>{''.join(sections)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=PACKAGE, help="folder of .sh3f catalogues (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the images and the list")
    parser.add_argument("--base-url", default="", help="where OUT will be served; empty: relative paths")
    options = parser.parse_args()
    if not any(options.source.glob("*.sh3f")):
        sys.exit(f"furniture.py: no .sh3f catalogue in {options.source}; install it: apt-get install sweethome3d-furniture")

    (options.out / "images").mkdir(parents=True, exist_ok=True)
    base = options.base_url.rstrip("/") + "/" if options.base_url else ""
    rows = []
    for row, file, icon in read_pieces(options.source):
        publish(options.out / "images" / file, icon)
        rows.append({"url": base + "images/" + urllib.parse.quote(file), **row, "file": file})
    publish(options.out / "index.html", page(rows).encode())
    lines = (json.dumps({key: value for key, value in row.items() if key != "file"}, ensure_ascii=False) for row in rows)
    publish(options.out / "furniture.jsonl", "".join(line + "\n" for line in lines).encode())

    counts = collections.Counter(row["label"] for row in rows)
    print(f"{len(rows)} pieces in {options.out}: " + ", ".join(f"{label} {count}" for label, count in counts.most_common()))


if __name__ == "__main__":
    main()
