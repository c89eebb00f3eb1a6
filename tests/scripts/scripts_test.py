#!/usr/bin/env python3
"""Tests of the Python scripts, run as a user runs them."""

import hashlib
import json
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run(script, *arguments, said=""):
    return subprocess.run([sys.executable, SCRIPTS / script, *map(str, arguments)], input=said, capture_output=True,
                          text=True, check=False)


class InAFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)


class Furniture(InAFolder):
    def catalogue(self, pieces, licence="Creative Commons Attribution 3.0"):
        text = f"name=Tiny\nlicense={licence}\n"
        with zipfile.ZipFile(self.folder / "tiny.sh3f", "w") as archive:
            for number, (name, category) in enumerate(pieces, 1):
                text += f"id#{number}=tiny#{number}\nname#{number}={name}\ncategory#{number}={category}\n"
                text += f"icon#{number}=/icons/piece{number}.png\ncreator#{number}=Ana\n"
                archive.writestr(f"icons/piece{number}.png", f"bytes of {number}")
            archive.writestr("PluginFurnitureCatalog.properties", text)
        return run("furniture.py", "--source", self.folder, "--out", self.folder / "out",
                   "--base-url", "http://127.0.0.1:1/")

    def rows(self):
        return [json.loads(line) for line in (self.folder / "out/furniture.jsonl").read_text().splitlines()]

    def test_rows_say_all_that_a_list_needs(self):
        self.assertEqual(self.catalogue([("Caf\\u00e9 chair", "Living room")]).returncode, 0)
        row, = self.rows()
        self.assertEqual(row, {
            "url": "http://127.0.0.1:1/images/tiny-001-piece1.png", "label": "chair", "caption": "café chair, living room",
            "group": "tiny#1", "creator": "Ana", "licence": "CC-BY-3.0",
            "sha256": hashlib.sha256(b"bytes of 1").hexdigest()})
        self.assertEqual((self.folder / "out/images/tiny-001-piece1.png").read_text(), "bytes of 1")

    def test_labels_follow_from_names(self):
        names = {"Armchair": "chair", "Bookcase": "shelf", "Pool table": "other", "Round tables": "table", "TV stand": "cabinet",
                 "Sofa bed": "sofa", "Stable": "other", "Floor lamp": "lamp", "Reception desk": "desk", "Double wardrobe": "wardrobe"}
        self.catalogue([(name, "Bedroom") for name in names] + [("Garden bench", "Vehicles")])
        self.assertEqual([row["label"] for row in self.rows()], [*names.values(), "other"])

    def test_an_unknown_licence_ends_it_with_a_sentence(self):
        done = self.catalogue([("Chair", "")], licence="all rights reserved")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^furniture.py: no SPDX name is known .*\n$")
        self.assertFalse((self.folder / "out/furniture.jsonl").exists())


class Curve(InAFolder):
    def curve(self, *arguments):
        lines = [{"kind": "train", "epoch": 1, "loss": {"generator": 2.0}, "images_per_second": 10.0, "waiting": 0.25},
                 {"kind": "train", "epoch": 1, "loss": {"generator": 4.0}, "images_per_second": 20.0, "waiting": 0.75},
                 {"kind": "held_out", "epoch": 1, "name": "L1", "raw": 0.25, "average": 0.125}]
        (self.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return run("curve.py", self.folder / "metrics.jsonl", *arguments)

    def test_a_line_has_the_means_of_its_epoch(self):
        self.assertRegex(self.curve().stdout, r"epoch +1  generator +3\.0000 +15\.0 images/s  waiting 50\.0%  "
                                              r"held out L1 0\.2500, average 0\.1250")

    def test_a_loss_that_stayed_high_is_a_failure(self):
        self.assertEqual(self.curve("--below", "0.126").returncode, 0)
        high = self.curve("--below", "0.125")
        self.assertEqual((high.returncode, high.stderr),
                         (1, "curve.py: the held-out loss is 0.1250, not below 0.125\n"))


class DemoRequests(InAFolder):
    def test_every_kind_has_its_turn_and_no_other(self):
        kinds = ["chair", "chair", "sofa", "other", "bed"]
        with open(self.folder / "furniture.jsonl", "w") as rows:
            for i, kind in enumerate(kinds):
                rows.write(json.dumps({"url": f"http://127.0.0.1:1/images/a%20{i}.png", "label": kind}) + "\n")
        done = run("demo_requests.py", self.folder, said="0,1,x\n1,3,x\n2,4,x\n3,0,x\n4,2,x\n5,1,x\n")
        requests = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(request["label"], request["seed"]) for request in requests],
                         [("bed", 4), ("chair", 0), ("chair", 1), ("sofa", 2)])
        self.assertEqual(requests[0]["image"], str(self.folder / "images/a 4.png"))


if __name__ == "__main__":
    unittest.main()
