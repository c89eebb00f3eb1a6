#!/usr/bin/env python3
"""Tests of scripts/furniture_views.py and what it is made of.

TEST_PYTHON names an interpreter with vtk, numpy and pillow (scripts/test.sh makes one).
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import time
import types
import unittest
import unittest.mock
import zipfile
import zlib

from scripts_test import SCRIPTS, InAFolder, run

sys.path.insert(0, str(SCRIPTS))
import furniture_views  # noqa: E402

PYTHON = os.environ.get("TEST_PYTHON", sys.executable)
HAS_VTK = subprocess.run([PYTHON, "-c", "import numpy, PIL, vtkmodules"], capture_output=True, check=False).returncode == 0


class FurnitureViews(InAFolder):
    """What is kept, resumed and listed; no vtk is needed for it."""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        for kind in [*furniture_views.KINDS, "pieces"]:
            (self.out / kind).mkdir(parents=True)
        self.catalogue({"Sofa": b"v 0 0 0", "Vase": b"v 0 0 1"})

    def catalogue(self, models):
        text = "name=Tiny\nlicense=Creative Commons Attribution 3.0\n"
        with zipfile.ZipFile(self.folder / "tiny.sh3f", "w") as archive:
            for number, (name, model) in enumerate(models.items(), 1):
                text += f"id#{number}=tiny#{name}\nname#{number}={name}\ncategory#{number}=Living room\n"
                text += f"model#{number}=/{name}/{name}.obj\nwidth#{number}=100\nheight#{number}=50\ndepth#{number}=80\n"
                archive.writestr(f"{name}/{name}.obj", model)
            archive.writestr("PluginFurnitureCatalog.properties", text)

    def pieces(self):
        return list(furniture_views.read_pieces(self.folder, 64))

    def photographed(self, piece, share=(0.3,), contrast=(90.0,)):
        """Keeps 16 views whose shares and contrasts take turns."""
        furniture_views.keep(self.out, piece, 64, [
            furniture_views.View({kind: f"{kind} {piece.stem} {number}".encode() for kind in furniture_views.KINDS},
                                 share[number % len(share)], contrast[number % len(contrast)]) for number in range(16)])

    def views(self, python=(sys.executable, "-S")):
        return run("furniture_views.py", "--source", self.folder, "--out", self.out, "--side", 64, python=python)

    def rows(self, name):
        return [json.loads(line) for line in (self.out / name).read_text().splitlines()]

    def test_rows_say_all_that_a_list_needs(self):
        for piece in self.pieces():
            self.photographed(piece)
        done = self.views()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"32 views of 2 pieces in {self.out}: sofa 16, other 16\n")
        rows = self.rows("outline.jsonl")
        self.assertEqual(rows[3], {
            "url": "pictures/tiny-001-Sofa-03.jpg", "label": "sofa", "caption": "sofa, living room", "group": "tiny#Sofa",
            "creator": "Tiny", "licence": "CC-BY-3.0", "sha256": hashlib.sha256(b"pictures tiny-001-Sofa 3").hexdigest(),
            "width": 64, "height": 64, "azimuth": 67.5, "elevation": 30, "condition_url": "outlines/tiny-001-Sofa-03.png"})
        self.assertEqual(self.rows("depth.jsonl"),
                         [{**row, "condition_url": row["condition_url"].replace("outlines", "depth")} for row in rows])
        self.assertEqual((self.out / rows[31]["condition_url"]).read_text(), "outlines tiny-002-Vase 15")

    def test_views_that_show_nothing_are_left_out_and_counted(self):
        sofa, vase = self.pieces()
        self.photographed(sofa)
        self.photographed(sofa, share=(0.3, 0.009, 0.3, 0.3), contrast=(90, 90, 15, 90))
        self.photographed(vase)
        done = self.views()
        self.assertIn("sofa 8", done.stdout)
        self.assertIn("left out: 4 views with too small, 4 views with too little contrast\n", done.stdout)
        self.assertEqual([row["url"][-6:-4] for row in self.rows("depth.jsonl")[:4]], ["00", "03", "04", "07"])
        self.assertEqual(len(list((self.out / "outlines").glob("*Sofa*"))), 8)

    def test_only_what_is_missing_is_asked_for(self):
        sofa, vase = self.pieces()
        self.photographed(sofa)
        self.photographed(vase)
        self.assertEqual(self.views().returncode, 0)
        for undo in (lambda: (self.out / "depth/tiny-002-Vase-15.png").unlink(),
                     lambda: (self.out / "pieces/tiny-002-Vase.json").write_text("{\"made_of\""),
                     lambda: self.catalogue({"Sofa": b"v 0 0 0", "Vase": b"v 0 0 2"})):
            self.photographed(vase)
            undo()
            self.assertEqual([bool(furniture_views.finished(self.out, piece)) for piece in self.pieces()], [True, False])
            done = self.views()
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"^furniture_views.py: needs vtk, numpy and pillow; install them: .*\n$")

    def test_two_runs_do_not_write_one_folder(self):
        with open(self.out / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.views()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^furniture_views.py: another run is writing .*\n$")

    def test_a_model_that_hangs_or_brings_down_its_reader_is_named(self):
        self.catalogue({name: b"v 0 0 0" for name in ("Hangs", "Dies", "Fails", "Works")})
        view = furniture_views.View({kind: b"bytes" for kind in furniture_views.KINDS}, 0.3, 90)

        def photograph(catalogue, properties, side, angles, make_view):
            {"Hangs": lambda: time.sleep(100), "Dies": os.abort, "Fails": lambda: [][1], "Works": int}[properties["name"]]()
            return [view for _ in angles]

        studio = types.SimpleNamespace(photograph=photograph)
        with unittest.mock.patch.object(furniture_views, "LONGEST", 2), contextlib.redirect_stderr(io.StringIO()):
            failed = furniture_views.photograph_all(studio, self.out, 64, self.pieces(), 2)
        self.assertEqual(failed, {"tiny-001-Hangs": "took longer than 2 s", "tiny-002-Dies": "its reader ended with status -6",
                                  "tiny-003-Fails": "list index out of range"})
        self.assertEqual([bool(furniture_views.finished(self.out, piece)) for piece in self.pieces()], [False, False, False, True])

    def test_progress_is_lines_where_nobody_watches(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        for out in (io.StringIO(), Terminal()):
            progress = furniture_views.Progress(100, out)
            for done in range(1, 101):
                progress.show(done)
            self.assertEqual(out.getvalue().count("\n"), 1 if out.isatty() else 20)
            self.assertEqual(out.getvalue().count("\r"), 100 if out.isatty() else 0)
            self.assertIn("100/100 pieces, 0 s left", out.getvalue())


def png(pixels):
    """A PNG of rows of (red, green, blue, alpha)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in pixels)
    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@unittest.skipUnless(HAS_VTK, "vtk, numpy or pillow is not installed for TEST_PYTHON")
class Studio(InAFolder):
    """Real models, photographed by VTK."""
    BOX = ("".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1)) +
           "mtllib own.mtl\nusemtl rest\nf 1 2 4 3\nf 5 6 8 7\nf 1 2 6 5\nf 3 4 8 7\nf 1 3 7 5\n"  # some inside out
           "usemtl front\nf 2 4 8 6\n")
    TWO_COLOURS = {"model.obj": BOX, "own.mtl": "newmtl front\nKd 1 0.1 0.1\nnewmtl rest\nKd 0.1 0.1 1\n"}

    def catalogue(self, models):
        """{name: {file: text or bytes}}; every piece is stretched to 100 x 40 x 100 cm."""
        text = "name=Tiny\nlicense=Public domain\n"
        with zipfile.ZipFile(self.folder / "tiny.sh3f", "w") as archive:
            for number, (name, files) in enumerate(models.items(), 1):
                text += f"id#{number}={name}\nname#{number}={name}\nmodel#{number}=/{name}/model.obj\n"
                text += f"width#{number}=100\nheight#{number}=40\ndepth#{number}=100\n"
                for file, content in files.items():
                    archive.writestr(f"{name}/{file}", content)
            archive.writestr("PluginFurnitureCatalog.properties", text)

    def views(self, out="out", *more):
        done = run("furniture_views.py", "--source", self.folder, "--out", self.folder / out, "--side", 64, *more,
                   python=(PYTHON,))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def pixels(self, kind, stem):
        """Rows of a picture, each pixel a list of three, decoded by pillow."""
        program = "import json, sys, numpy, PIL.Image\nprint(numpy.asarray(PIL.Image.open(sys.argv[1]).convert('RGB')).tolist())"
        file = self.folder / "out" / kind / (stem + furniture_views.KINDS[kind])
        return json.loads(subprocess.run([PYTHON, "-c", program, file], capture_output=True, check=True).stdout)

    def content(self, out):
        return {path.relative_to(self.folder / out): path.read_bytes()
                for path in sorted((self.folder / out).rglob("*")) if path.is_file()}

    def test_a_box_is_framed_lit_drawn_and_measured(self):
        self.catalogue({"Box": self.TWO_COLOURS})
        self.views()
        picture, outline, depth = (self.pixels(kind, "tiny-001-model-00") for kind in ("pictures", "outlines", "depth"))
        rows = [y for y in range(64) if any(depth[y][x][0] for x in range(64))]
        columns = [x for x in range(64) if any(depth[y][x][0] for y in range(64))]
        self.assertAlmostEqual(max(len(rows), len(columns)), 0.92 * 64, delta=1.5)
        for line in (rows, columns):
            self.assertAlmostEqual(line[0], 63 - line[-1], delta=1.5)
        # From the front and a little above one sees the front and the top; they meet where the box is nearest.
        middle = [depth[y][32][0] for y in range(64)]
        nearest = middle.index(255)
        self.assertEqual(min(value for row in depth for value, _, _ in row if value), 40)
        self.assertTrue(rows[0] + 3 < nearest < rows[-1] - 15)
        drawn = [y for y in range(64) if outline[y][32][0]]
        for y in (rows[0], nearest, rows[-1]):
            self.assertTrue(any(abs(y - line) <= 1 for line in drawn), (y, drawn))
        self.assertLessEqual(len(drawn), 6)  # and no line across the triangles of a face
        self.assertEqual({value for row in outline for pixel in row for value in pixel}, {0, 255})
        self.assertEqual((picture[0][0], outline[0][0], depth[0][0]), ([255] * 3, [0] * 3, [0] * 3))
        for y, bright in (((rows[0] + nearest) // 2, 2), ((nearest + rows[-1]) // 2, 0)):
            self.assertTrue(all((value > 180) == (channel == bright) for channel, value in enumerate(picture[y][32])), picture[y][32])

        # Across a corner, where three faces of one material meet, a line stands between left and right.
        corner = self.pixels("outlines", "tiny-001-model-10")
        self.assertTrue(any(corner[36][x][0] for x in (31, 32)), [x for x in range(64) if corner[36][x][0]])

    def test_curved_surfaces_are_smooth_however_their_faces_were_wound(self):
        program = """if True:
            import json, math, numpy, obj_model
            ring = [(math.cos(i * math.pi / 12), math.sin(i * math.pi / 12)) for i in range(24)]
            low, high = [(x, y, 0) for x, y in ring], [(0.8 * x, 0.8 * y, 1) for x, y in ring]
            faces = [[low[i], low[i - 1], high[i - 1], high[i]][::(-1) ** (i % 3)] for i in range(24)] + [low, high]
            points = numpy.array([point for face in faces for point in face], float)
            normals = obj_model.smooth_normals(points, numpy.array([len(face) for face in faces]))
            expected = points * [1, 1, 0] / numpy.linalg.norm(points[:, :2], axis=1, keepdims=True) + [0, 0, 0.2]
            expected[96:] = [0, 0, 1]
            cosines = abs((normals * expected).sum(axis=1)) / numpy.linalg.norm(expected, axis=1)
            print(json.dumps([float(cosines[:96].min()), float(cosines[96:].min())]))"""
        done = subprocess.run([PYTHON, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True)
        for along in json.loads(done.stdout):  # cosines with those of a cone, and of its two ends
            self.assertAlmostEqual(along, 1, delta=1e-6)

    def test_textures_are_upright_and_what_they_cut_out_is_not_there(self):
        quad = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        blue, green, nothing = (0, 0, 255, 255), (0, 255, 0, 255), (0, 0, 0, 0)
        self.catalogue({"Panel": {
            "model.obj": quad + "mtllib own.mtl\nusemtl cloth\nf 1/1 2/2 3/3 4/4\n",
            "own.mtl": "newmtl cloth\nKd 0 0 0\nmap_Kd cloth.png\n",
            "cloth.png": png([[blue if y < 32 else green] * 32 + [nothing] * 32 for y in range(64)])}})
        self.views()
        picture, depth = (self.pixels(kind, "tiny-001-model-00") for kind in ("pictures", "depth"))
        self.assertEqual(max(range(3), key=lambda channel: picture[26][16][channel]), 2)
        self.assertEqual(max(range(3), key=lambda channel: picture[38][16][channel]), 1)
        self.assertTrue(depth[26][16][0] and depth[38][16][0])
        self.assertEqual((picture[26][48], depth[26][48]), ([255] * 3, [0] * 3))

    def test_a_bad_model_is_named_and_takes_nobody_with_it(self):
        glow = {"model.obj": self.BOX, "own.mtl": "newmtl front\nKd 1 1 1\nKe 1 1 1\nnewmtl rest\nKd 1 1 1\nKe 1 1 1\n"}
        self.catalogue({"Broken": {"model.obj": self.BOX + "f 1 2 99\n"}, "Glow": glow, "Box": self.TWO_COLOURS})
        done = self.views()
        self.assertIn("could not be photographed: tiny-001-model: a face names a point that there is not\n", done.stdout)
        self.assertIn("16 views with too little contrast", done.stdout)
        rows = [json.loads(line) for line in (self.folder / "out/outline.jsonl").read_text().splitlines()]
        self.assertEqual([row["group"] for row in rows], ["Box"] * 16)

    def test_the_same_package_gives_the_same_bytes_whoever_does_it(self):
        self.catalogue({name: {"model.obj": self.BOX + f"v 0.5 {height} 0.5\nf 3 4 9\nf 8 7 9\n"}
                        for name, height in (("Low", 1.5), ("High", 3), ("Higher", 6))})
        self.views("out", "--jobs", 1)
        first = self.content("out")
        self.views("other", "--jobs", 3)
        self.assertEqual(self.content("other"), first)
        (self.folder / "out/outlines/tiny-002-model-07.png").unlink()
        untouched = self.folder / "out/pictures/tiny-001-model-07.jpg"
        before = untouched.stat().st_mtime_ns
        self.views("out")
        self.assertEqual(self.content("out"), first)
        self.assertEqual(untouched.stat().st_mtime_ns, before)


if __name__ == "__main__":
    unittest.main()
