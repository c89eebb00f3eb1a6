#!/usr/bin/env python3
"""Turns `atelier-data stream --held-out --dump` on stdin into requests for `atelier-generate --requests`.

    atelier-data stream LIST --held-out --data.held_out 0.1 --dump 100 | scripts/held_out_requests.py LIST > requests.jsonl

One held-out piece of each kind, then further ones, ten in all: its label gives the kind, its row the seed, its condition_url
the input image. With --images FOLDER the model takes the outline of the piece's own picture instead, the file in FOLDER of the
name that its url ends with. LIST is a JSONL list; pieces labelled "other" are left out. Standard library only.
"""

import argparse
import json
import sys
import urllib.parse
from pathlib import Path

PIECES = 10
VARIATIONS = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, help="the run's list")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="where the pictures lie as files")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.list.read_text().splitlines()]
    by_label = {}
    for entry in sorted({int(line.split(",")[1]) for line in sys.stdin}):
        if rows[entry]["label"] != "other":
            by_label.setdefault(rows[entry]["label"], []).append(entry)
    turns = [[entries[turn] for entries in by_label.values() if turn < len(entries)] for turn in range(PIECES)]
    for entry in sorted(sum(turns, [])[:PIECES], key=lambda entry: (rows[entry]["label"], entry)):
        row = rows[entry]
        if options.images:
            name = urllib.parse.unquote(Path(urllib.parse.urlparse(row["url"]).path).name)
            given = {"image": str(options.images / name)}
        elif "condition_url" not in row:
            sys.exit(f"held_out_requests.py: row {entry} of {options.list} has no condition_url; name a list that has, or give --images")
        else:
            given = {"condition": str(options.list.parent / row["condition_url"])}
        print(json.dumps(given | {"label": row["label"], "seed": entry, "variations": VARIATIONS}))


if __name__ == "__main__":
    main()
