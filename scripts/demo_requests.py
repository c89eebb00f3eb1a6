#!/usr/bin/env python3
"""Turns `atelier-data stream --held-out --dump` on stdin into requests for `atelier-generate --requests`.

    atelier-data stream LIST --held-out --dump 100 | scripts/demo_requests.py FOLDER

One held-out piece of each kind, then further ones, ten in all: the piece's own picture gives the sketch, its label the kind,
its row the seed. FOLDER holds furniture.jsonl and images/. Standard library only.
"""

import json
import sys
import urllib.parse
from pathlib import Path

PIECES = 10
VARIATIONS = 8


def main():
    folder = Path(sys.argv[1])
    rows = [json.loads(line) for line in (folder / "furniture.jsonl").read_text().splitlines()]
    held_out = sorted({int(line.split(",")[1]) for line in sys.stdin})
    by_label = {}
    for entry in held_out:
        if rows[entry]["label"] != "other":
            by_label.setdefault(rows[entry]["label"], []).append(entry)
    turns = [[entries[turn] for entries in by_label.values() if turn < len(entries)] for turn in range(PIECES)]
    chosen = sorted(sum(turns, [])[:PIECES], key=lambda entry: (rows[entry]["label"], entry))
    for entry in chosen:
        file = urllib.parse.unquote(Path(urllib.parse.urlparse(rows[entry]["url"]).path).name)
        print(json.dumps({"image": str(folder / "images" / file), "label": rows[entry]["label"], "seed": entry,
                          "variations": VARIATIONS}))


if __name__ == "__main__":
    main()
