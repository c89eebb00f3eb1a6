#!/usr/bin/env python3
"""Photographs the 3D models of Debian's package sweethome3d-furniture: over 12,000 pictures with outlines and depth.

    scripts/furniture_views.py --out runs/views
    atelier-data stream runs/views/outline.jsonl --data.condition file

Each piece turns before the camera: 16 views, every 22.5 degrees, 15 and 30 degrees from above by turns. OUT gets

    pictures/*.jpg   in plain studio light before white
    outlines/*.png   white lines on black, as data.condition: outline draws them: silhouette, steps, creases, materials
    depth/*.png      the nearest point 255, the farthest 40, evenly by distance in between; nothing there: 0
    outline.jsonl, depth.jsonl   the same rows, with the outline or the depth as condition_url
    pieces/*.json    what is finished: a second call photographs only what is missing

All views of a piece are one group. Views that show next to nothing are left out and counted; models that cannot be read
are named at the end. The same package gives the same bytes on the same machine, with any number of jobs; each file
appears whole. Needs vtk, numpy and pillow.
"""

import argparse
import collections
import dataclasses
import fcntl
import hashlib
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import urllib.parse
import zipfile
from pathlib import Path

import furniture

LOOK = 1  # raise it when the same model gives other pixels, so that finished views are made again
VIEWS = [(number * 22.5, (15, 30)[number % 2]) for number in range(16)]  # azimuth and elevation in degrees
KINDS = {"pictures": ".jpg", "outlines": ".png", "depth": ".png"}
LISTS = {"outline.jsonl": "outlines", "depth.jsonl": "depth"}
SMALLEST_SHARE = 0.01  # of the picture, that the piece covers
SMALLEST_CONTRAST = 16  # levels of a colour between the darkest and the brightest twentieth of the piece
LONGEST = 600  # seconds for one piece


def stop(sentence, status=1):
    print(f"furniture_views.py: {sentence}", file=sys.stderr)
    sys.exit(status)


@dataclasses.dataclass(frozen=True)
class Piece:
    stem: str        # of its files
    catalogue: Path
    properties: dict  # as the catalogue has them
    row: dict        # what a list says of all its views
    made_of: str     # changes with the model, the look and the size of its views


@dataclasses.dataclass(frozen=True)
class View:
    files: dict      # {kind: bytes}
    share: float     # of the picture, that the piece covers
    contrast: float  # of the piece, in levels of a colour


def read_pieces(source, side):
    """Every piece of the package, in a fixed order."""
    for path in sorted(source.glob("*.sh3f")):
        with zipfile.ZipFile(path) as archive:
            catalogue, pieces = furniture.read_catalogue(archive)
            sums = collections.defaultdict(list)
            for member in archive.infolist():
                sums[member.filename.rpartition("/")[0]].append((member.filename, member.CRC))
            for number, properties in sorted(pieces.items()):
                lacking = {"id", "name", "model", "width", "height", "depth"} - properties.keys()
                if lacking:
                    stop(f"{path.name}: piece {number} has no {sorted(lacking)[0]}")
                model = properties["model"].lstrip("/")
                made_of = repr((LOOK, side, VIEWS, sums[model.rpartition("/")[0]],
                                [properties.get(key) for key in ("width", "height", "depth", "modelRotation")]))
                yield Piece(furniture.stem_of(path, number, model), path, properties,
                            furniture.described(catalogue, properties), hashlib.sha256(made_of.encode()).hexdigest())


def why_not(view):
    """Why this view shows next to nothing, or None."""
    if view.share < SMALLEST_SHARE:
        return "too small"
    return "too little contrast" if view.contrast < SMALLEST_CONTRAST else None


def file_of(folder, kind, piece, number):
    return folder / kind / f"{piece.stem}-{number:02d}{KINDS[kind]}"


def keep(folder, piece, side, views):
    """Publishes the views of a piece that show it, then the record that it is finished."""
    kept, left_out = [], {}
    for number, view in enumerate(views):
        reason = why_not(view)
        for kind in KINDS:
            if reason:
                file_of(folder, kind, piece, number).unlink(missing_ok=True)  # of an older package
            else:
                furniture.publish(file_of(folder, kind, piece, number), view.files[kind])
        if reason:
            left_out[number] = reason
        else:
            azimuth, elevation = VIEWS[number]
            kept.append({"view": number, "sha256": hashlib.sha256(view.files["pictures"]).hexdigest(), "width": side,
                         "height": side, "azimuth": azimuth, "elevation": elevation})
    record = {"made_of": piece.made_of, "views": kept, "left_out": left_out}
    furniture.publish(folder / "pieces" / f"{piece.stem}.json", json.dumps(record).encode())


def finished(folder, piece):
    """The record of a piece, when all that it tells of is there."""
    try:
        record = json.loads((folder / "pieces" / f"{piece.stem}.json").read_text())
        whole = record["made_of"] == piece.made_of and all(
            file_of(folder, kind, piece, view["view"]).exists() for view in record["views"] for kind in KINDS)
        return record if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_lists(folder, pieces, base):
    """The lists of all that is finished. Returns {label: views} and {reason: views left out}."""
    lines, labels, left_out = {name: [] for name in LISTS}, collections.Counter(), collections.Counter()
    for piece in pieces:
        record = finished(folder, piece) or {"views": [], "left_out": {}}
        left_out.update(record["left_out"].values())
        for view in record["views"]:
            labels[piece.row["label"]] += 1

            def url(kind):
                return base + urllib.parse.quote(f"{kind}/{file_of(folder, kind, piece, view['view']).name}")

            measures = {key: value for key, value in view.items() if key != "view"}
            for name, kind in LISTS.items():
                row = {"url": url("pictures"), **piece.row, **measures, "condition_url": url(kind)}
                lines[name].append(json.dumps(row, ensure_ascii=False) + "\n")
    for name, rows in lines.items():
        furniture.publish(folder / name, "".join(rows).encode())
    return labels, left_out


class Progress:
    """A bar with the time left, redrawn in place; where nobody watches, a plain line every twentieth."""

    def __init__(self, total, out=None):
        self.total, self.out, self.began, self.told = total, out or sys.stderr, time.monotonic(), 0

    def show(self, done):
        left = (time.monotonic() - self.began) / done * (self.total - done) if done else None
        text = f"{done}/{self.total} pieces" + ("" if left is None else
                                                f", {left / 60:.0f} min left" if left > 90 else f", {left:.0f} s left")
        if self.out.isatty():
            filled = 30 * done // self.total
            print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {text}\033[K", end="\n" if done == self.total else "",
                  file=self.out, flush=True)
        elif 20 * done // self.total > self.told:
            self.told = 20 * done // self.total
            print(text, file=self.out, flush=True)


def load_studio():
    """The module that renders. Mesa's software renderer reads the number of its threads when it is loaded."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    try:
        import studio
    except ImportError as error:
        stop(f"needs vtk, numpy and pillow; install them: pip install vtk numpy pillow ({error})")
    return studio


def in_a_process(work, *arguments):
    """A process of its own that does the work, and the end of a pipe that says what was wrong, if anything. A model that
    brings down its reader brings down nothing else."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def run():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        try:
            work(*arguments)
        except Exception as error:  # whatever a file from outside provokes
            theirs.send(f"{error}" or type(error).__name__)
            os._exit(1)

    process = context.Process(target=run, daemon=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the new process is what it shall be
    process.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    theirs.close()
    return process, ours


def outcome(process, said):
    """What was wrong with a process that has ended, or None."""
    process.join()
    try:
        return said.recv().splitlines()[0]
    except EOFError:
        return None if process.exitcode == 0 else f"its reader ended with status {process.exitcode}"


def photograph(studio, folder, side, piece):
    keep(folder, piece, side, studio.photograph(piece.catalogue, piece.properties, side, VIEWS, View))


def photograph_all(studio, folder, side, missing, jobs):
    """{piece's stem: why it could not be photographed}"""
    waiting, running, failed, progress = collections.deque(missing), {}, {}, Progress(len(missing))
    while waiting or running:
        while waiting and len(running) < jobs:
            piece = waiting.popleft()
            process, said = in_a_process(photograph, studio, folder, side, piece)
            running[process.sentinel] = piece, process, said, time.monotonic() + LONGEST
        ended = multiprocessing.connection.wait(list(running), timeout=1)
        for sentinel, (piece, process, said, deadline) in list(running.items()):
            late = sentinel not in ended and time.monotonic() > deadline
            if late:
                process.kill()
            if late or sentinel in ended:
                del running[sentinel]
                wrong = outcome(process, said)
                if wrong:
                    failed[piece.stem] = f"took longer than {LONGEST} s" if late else wrong
                progress.show(len(missing) - len(waiting) - len(running))
    return failed


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=furniture.PACKAGE, help="folder of .sh3f catalogues (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and lists")
    parser.add_argument("--side", type=int, default=256, metavar="PIXELS", help="edge of a picture, 64 to 2048 (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="pieces at once (%(default)s)")
    parser.add_argument("--base-url", default="", help="where OUT will be served; empty: relative paths")
    options = parser.parse_args()
    if not 64 <= options.side <= 2048 or options.jobs < 1:
        stop("--side takes 64 to 2048 and --jobs at least 1", 2)
    if not any(options.source.glob("*.sh3f")):
        stop(f"no .sh3f catalogue in {options.source}; install it: apt-get install sweethome3d-furniture", 2)
    return options


def main():
    options = parse_options()
    for kind in [*KINDS, "pieces"]:
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    lock = open(options.out / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stop(f"another run is writing {options.out}; wait for it or name another --out")

    pieces = list(read_pieces(options.source, options.side))
    missing = [piece for piece in pieces if not finished(options.out, piece)]
    failed = {}
    if missing:
        studio = load_studio()
        wrong = outcome(*in_a_process(studio.check))
        if wrong:
            stop(f"there is no off-screen OpenGL here; install it: apt-get install libegl1 libgl1-mesa-dri ({wrong})")
        failed = photograph_all(studio, options.out, options.side, missing, options.jobs)

    base = options.base_url.rstrip("/") + "/" if options.base_url else ""
    labels, left_out = write_lists(options.out, pieces, base)
    print(f"{labels.total():,} views of {len(pieces) - len(failed)} pieces in {options.out}: " +
          ", ".join(f"{label} {count:,}" for label, count in labels.most_common()))
    if left_out:
        print("left out: " + ", ".join(f"{count:,} views with {reason}" for reason, count in left_out.most_common()))
    for stem, reason in failed.items():
        print(f"could not be photographed: {stem}: {reason}")
    if not labels:
        stop("not one view came of it")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted; the same command goes on from here", 130)
    except (OSError, zipfile.BadZipFile) as error:
        stop(f"{error}")
