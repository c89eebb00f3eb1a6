#!/usr/bin/env python3
"""Tests of the scripts that look at generated pictures: naming.py and nearest.py.

TEST_PYTHON names an interpreter with numpy and pillow (scripts/test.sh makes one).
"""

import base64
import json
import os
import struct
import subprocess
import sys
import unittest
import zlib

from scripts_test import InAFolder, run

PYTHON = os.environ.get("TEST_PYTHON", sys.executable)
HAS_PILLOW = subprocess.run([PYTHON, "-c", "import numpy, PIL"], capture_output=True, check=False).returncode == 0
SIDE = 8


def png(pixel):
    """A PNG of SIDE x SIDE pixels: pixel(x, y) is red, green, blue."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + bytes(value for x in range(SIDE) for value in pixel(x, y)) for y in range(SIDE))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def plain(level):
    return lambda x, y: (level, level, level)


def design(pixel, label, request=0, seed=0):
    return {"label": label, "seed": seed, "request": request, "size": f"{SIDE}x{SIDE}",
            "b64_json": base64.b64encode(png(pixel)).decode()}


@unittest.skipUnless(HAS_PILLOW, "TEST_PYTHON has no numpy and pillow")
class Naming(InAFolder):
    def setUp(self):
        super().setUp()
        designs = [design(plain(20 * seed), label, seed=seed) for label in ("bed", "sofa", "lamp") for seed in range(4)]
        (self.folder / "designs.json").write_text(json.dumps({"data": designs}))
        self.out = self.folder / "naming"

    def naming(self, *arguments):
        return run("naming.py", *arguments, python=(PYTHON,))

    def ask(self, seed=1):
        done = self.naming("ask", self.folder / "designs.json", "--seed", seed, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {int(number): row["label"] for number, row in json.loads((self.out / "key.json").read_text()).items()}

    def score(self, answers):
        (self.folder / "answers.txt").write_text("".join(f"{number} {name}\n" for number, name in answers.items()))
        return self.naming("score", self.out, self.folder / "answers.txt")

    def test_the_order_is_shuffled_and_follows_from_the_seed(self):
        first = self.ask()
        self.assertEqual(sorted(first), list(range(1, 13)))
        self.assertNotEqual(list(first.values()), sorted(first.values()))
        self.assertEqual(self.ask(), first)
        self.assertNotEqual(self.ask(seed=2), first)
        self.assertEqual((self.out / "names.txt").read_text(), "bed\nlamp\nsofa\n")
        self.assertNotIn(b"bed", (self.out / "grid.png").read_bytes())

    def test_answers_are_counted_by_who_was_taken_for_whom(self):
        key = self.ask()
        self.assertRegex(self.score(key).stdout, r"^12 of 12 right, 100%\n")
        wrong = {number: "sofa" if name == "bed" else name for number, name in key.items()}
        said = self.score(wrong).stdout
        self.assertRegex(said, r"^8 of 12 right, 67%\n")
        self.assertIn("| bed |  |  | 4 |\n", said)

    def test_answers_that_cannot_be_counted_are_refused(self):
        key = self.ask()
        for answers, why in ((key | {1: "chair"}, "correct it"), (key | {13: "bed"}, "correct it"),
                             ({n: name for n, name in key.items() if n != 7}, "no answer for picture 7")):
            done = self.score(answers)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"^naming.py: .*{why}.*\n$")


@unittest.skipUnless(HAS_PILLOW, "TEST_PYTHON has no numpy and pillow")
class Nearest(InAFolder):
    def nearest(self, pictures, trained, designs, *more):
        with open(self.folder / "list.jsonl", "w") as rows:
            for number, pixel in enumerate(pictures):
                (self.folder / f"{number}.png").write_bytes(png(pixel))
                rows.write(json.dumps({"url": f"{number}.png", "label": "bed", "condition_url": f"line{number}.png"}) + "\n")
        (self.folder / "designs.json").write_text(json.dumps({"data": designs}))
        return run("nearest.py", self.folder / "designs.json", self.folder / "list.jsonl", "--out", self.folder / "sheet.png",
                   *more, python=(PYTHON,), said="".join(f"{at},{entry},x\n" for at, entry in enumerate(trained)))

    def test_what_is_nearer_than_new_pieces_are_is_remembered(self):
        pictures = [plain(0), plain(100), plain(20), plain(130)]  # the last two are held out, 20 and 30 levels away
        done = self.nearest(pictures, [0, 1, 1, 0], [design(plain(1), "bed"), design(plain(60), "bed")])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 pictures that were not trained on: nearest at 25.0 levels (median)", done.stdout)
        self.assertIn("2 generated pictures: nearest at 20.5 levels (median), 1 remembered", done.stdout)
        self.assertTrue((self.folder / "sheet.png").read_bytes().startswith(b"\x89PNG"))

    def test_a_mirror_image_is_remembered_too(self):
        ramp, mirrored = (lambda x, y: (30 * x,) * 3), (lambda x, y: (30 * (SIDE - 1 - x),) * 3)
        done = self.nearest([ramp, plain(0)], [0], [design(mirrored, "bed")])
        self.assertIn("nearest at 0.0 levels (median), 1 remembered", done.stdout)

    def test_what_was_given_comes_first_with_the_picture_that_it_is_of(self):
        (self.folder / "line1.png").write_bytes(png(plain(200)))
        (self.folder / "requests.jsonl").write_text(json.dumps({"condition": str(self.folder / "line1.png")}) + "\n")
        done = self.nearest([plain(0), plain(100)], [0], [design(plain(50), "bed")], "--requests", self.folder / "requests.jsonl")
        self.assertEqual(done.returncode, 0, done.stderr)
        look = ("import sys; from PIL import Image; sheet = Image.open(sys.argv[1]); cell = sheet.width // 2;"
                "print([sheet.getpixel((x + cell // 2, 14 + y + cell // 2))[0] for x in (0, cell) for y in (0, cell)])")
        seen = subprocess.run([PYTHON, "-c", look, self.folder / "sheet.png"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(seen), [200, 100, 50, 0])

    def test_without_a_dump_it_says_what_to_do(self):
        done = self.nearest([plain(0)], [], [design(plain(1), "bed")])
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^nearest.py: stdin names no picture.*\n$")


if __name__ == "__main__":
    unittest.main()
