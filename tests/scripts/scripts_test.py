#!/usr/bin/env python3
"""Tests of the Python scripts, run as a user runs them.

TEST_PYTHON names an interpreter with pyarrow (scripts/test.sh makes one), PROGRAMS the folder of Atelier's programs.
"""

import gzip
import hashlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run(script, *arguments, said="", python=(sys.executable,)):
    return subprocess.run([*python, SCRIPTS / script, *map(str, arguments)], input=said, capture_output=True,
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


class Plot(InAFolder):
    def measured(self, position, raw, average, chair, pictures):
        return json.dumps({"kind": "held_out", "name": "L1", "position": position, "raw": raw, "average": average,
                           "labels": {"chair": {"raw": 1, "average": chair, "samples": 3}}, "set": pictures}) + "\n"

    def test_held_out_losses_have_a_curve_of_each_label_cut_where_the_pictures_change(self):
        (self.folder / "metrics.jsonl").write_text(
            self.measured(8, 0.5, 0.6, 0.7, "a") + json.dumps({"kind": "time", "position": 8}) + "\n" +
            self.measured(16, None, 0.4, 0.5, "a") + self.measured(24, 0.3, 0.2, 0.1, "b") + '{"kind": "held_o')
        plot = runpy.run_path(SCRIPTS / "plot.py")
        curves = {name: [(position, str(loss)) for position, loss in curve]
                  for name, curve in plot["held_out_curves"](self.folder).items()}
        self.assertEqual(curves, {"raw": [(8, "0.5"), (16, "nan"), (24, "nan"), (24, "0.3")],
                                  "average": [(8, "0.6"), (16, "0.4"), (24, "nan"), (24, "0.2")],
                                  ("label", "chair"): [(8, "0.7"), (16, "0.5"), (24, "nan"), (24, "0.1")]})


class ParquetToList(InAFolder):
    PYTHON = os.environ.get("TEST_PYTHON", sys.executable)

    def write(self, name, **columns):
        """A parquet file in row groups of 2 rows, by pyarrow itself."""
        program = ("import json, sys, pyarrow, pyarrow.parquet\n"
                   "pyarrow.parquet.write_table(pyarrow.table(json.loads(sys.argv[2])), sys.argv[1], row_group_size=2)")
        subprocess.run([self.PYTHON, "-c", program, self.folder / name, json.dumps(columns)], check=True)
        return self.folder / name

    def convert(self, *arguments, out="list.jsonl"):
        return run("parquet_to_list.py", *arguments, "--out", self.folder / out, python=(self.PYTHON,))

    def rows(self, out="list.jsonl"):
        return [json.loads(line) for line in (self.folder / out).read_text().splitlines()]

    def test_rows_have_the_columns_that_were_asked_for(self):
        file = self.write("a.parquet", URL=["http://h/1", " http://h/2 ", "http://h/3"], TEXT=["é", None, "c"], kind=[7, 8, 9],
                          label=["chair", "", None], width=[640, 320, None], secret=["x", "y", "z"])
        done = self.convert(file, "--column", "caption=TEXT", "--column", "group=kind", "--keep", "width")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.rows(), [
            {"url": "http://h/1", "caption": "é", "group": "7", "label": "chair", "width": 640},
            {"url": "http://h/2", "group": "8", "label": "", "width": 320},
            {"url": "http://h/3", "caption": "c", "group": "9"}])

    def test_files_and_folders_follow_one_another(self):
        (self.folder / "parts").mkdir()
        for number in (2, 1):
            self.write(f"parts/{number}.parquet", url=[f"http://h/{number}{i}" for i in range(3)])
        self.assertEqual(self.convert(self.folder / "parts", self.write("z.parquet", url=["http://h/z"])).returncode, 0)
        self.assertEqual([row["url"][9:] for row in self.rows()], ["10", "11", "12", "20", "21", "22", "z"])

    def test_a_packed_list_is_one_that_atelier_reads(self):
        file = self.write("a.parquet", url=[f"http://h/{i}" for i in range(100)], label=["bed"] * 30 + ["sofa"] * 70)
        for ending in (".jsonl", ".jsonl.gz", ".jsonl.zst"):
            self.assertEqual(self.convert(file, out="list" + ending).returncode, 0)
            labels = subprocess.run([Path(os.environ["PROGRAMS"]) / "atelier-data", "labels", self.folder / ("list" + ending)],
                                    capture_output=True, text=True, check=True).stdout
            self.assertEqual(labels, "30\tbed\n70\tsofa\n", ending)
        self.assertEqual(gzip.open(self.folder / "list.jsonl.gz").read(), (self.folder / "list.jsonl").read_bytes())

    def test_rows_that_no_list_may_have_are_left_out_and_counted(self):
        done = self.convert(self.write("a.parquet", url=["http://h/1", None, "", "http://h/\n2"]))
        self.assertIn("1 rows in", done.stdout)
        self.assertIn("3 without a url", done.stdout)
        self.assertEqual(self.rows(), [{"url": "http://h/1"}])

    def test_mistakes_are_one_sentence_and_leave_nothing(self):
        file = self.write("a.parquet", picture=["http://h/1"], label=["x"], box=[[1, 2]], empty=[""])
        (self.folder / "no.parquet").write_text("no parquet")
        before = sorted(self.folder.iterdir())
        for arguments, sentence in [
                ([file], "which column of .* has the urls.* picture, label, box, empty"),
                ([file, "--url", "pictures"], "no column \"pictures\"; did you mean \"picture\""),
                ([file, "--url", "picture", "--keep", "zzz"], "no column \"zzz\"; it has picture"),
                ([file, "--url", "picture", "--column", "colour=label"], "--column takes FIELD=COLUMN"),
                ([file, "--url", "picture", "--column", "caption=box"], "holds list and cannot be the field \"caption\""),
                ([file, "--url", "empty"], "no row of .* has a url"),
                ([self.folder / "no.parquet"], "."), ([self.folder / "none.parquet"], "none.parquet"), ([SCRIPTS], "no \\*.parquet")]:
            done = self.convert(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, f"^parquet_to_list.py: .*{sentence}.*\n$")
        self.assertRegex(self.convert(file, out="list.csv").stderr, "--out ends in .jsonl, .*")
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_without_pyarrow_it_says_what_to_install(self):
        done = run("parquet_to_list.py", "a.parquet", "--out", "a.jsonl", python=(sys.executable, "-I", "-S"))
        self.assertEqual((done.returncode, done.stderr),
                         (1, "parquet_to_list.py: needs pyarrow; install it: pip install pyarrow\n"))
        self.assertEqual(run("parquet_to_list.py", "--help", python=(sys.executable, "-I", "-S")).returncode, 0)


class HeldOutRequests(InAFolder):
    def test_every_kind_has_its_turn_and_no_other(self):
        kinds = ["chair", "chair", "sofa", "other", "bed"]
        with open(self.folder / "furniture.jsonl", "w") as rows:
            for i, kind in enumerate(kinds):
                rows.write(json.dumps({"url": f"http://127.0.0.1:1/images/a%20{i}.png", "label": kind,
                                       "condition_url": f"outlines/{i}.png"}) + "\n")
        said = "0,1,x\n1,3,x\n2,4,x\n3,0,x\n4,2,x\n5,1,x\n"
        done = run("held_out_requests.py", self.folder / "furniture.jsonl", "--images", self.folder / "images", said=said)
        requests = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(request["label"], request["seed"]) for request in requests],
                         [("bed", 4), ("chair", 0), ("chair", 1), ("sofa", 2)])
        self.assertEqual(requests[0]["image"], str(self.folder / "images/a 4.png"))
        done = run("held_out_requests.py", self.folder / "furniture.jsonl", said=said)
        drawn = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(drawn[0]["condition"], str(self.folder / "outlines/4.png"))
        self.assertEqual([request["seed"] for request in drawn], [request["seed"] for request in requests])


if __name__ == "__main__":
    unittest.main()
