#!/usr/bin/env python3
"""The module `atelier` over files and silent servers. Environment: PYTHONPATH, DATA_PROGRAM, STUB."""

import ast
import contextlib
import gc
import hashlib
import itertools
import json
import os
import pickle
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import threading
import time
import unittest
import zlib
from pathlib import Path

import atelier  # before torch, on purpose: it must find the same LibTorch by itself
import torch
from torch.distributed.checkpoint.stateful import Stateful

ROWS = 30


def png(shade):
    """A picture of 40 x 40 that no other shade has."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + bytes((shade * 7 + x * y) % 256 for x in range(120)) for y in range(40))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def samples_of(batch):
    """[(position, entry, SHA-256 of the pixels)], as the program dumps them."""
    return [(position, entry, hashlib.sha256(image.numpy().tobytes()).hexdigest())
            for position, entry, image in zip(batch.positions.tolist(), batch.entries.tolist(), batch.images)]


def take(stream, batches):
    return [sample for batch in itertools.islice(stream, batches) for sample in samples_of(batch)]


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.list = self.folder / "list.jsonl"
        rows = [{"url": f"{row}.png", "label": "bed" if row % 3 == 0 else "chair", "caption": f"c{row}"} for row in range(ROWS)]
        for row in range(ROWS):
            (self.folder / f"{row}.png").write_bytes(png(row))
        (self.folder / "4.png").unlink()  # a substitute stands in, and a verdict travels with the state
        self.list.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def stream(self, **options):
        return atelier.Stream(self.list, **({"batch_size": 8, "image_size": 16, "seed": 7} | options))

    def silent_list(self):
        """A list whose server takes connections and never answers."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        path = self.folder / "silent.txt"
        path.write_text(f"http://127.0.0.1:{server.getsockname()[1]}/a.png\n")
        return path

    def python(self, program, *arguments):
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

        def kill():  # its forked children, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        limit = threading.Timer(60, kill)
        limit.start()
        for cleanup in (child.communicate, kill, limit.cancel):
            self.addCleanup(cleanup)
        return child


class Batches(Case):
    def test_are_those_of_the_program(self):
        dump = subprocess.run([os.environ["DATA_PROGRAM"], "stream", self.list, "--dump", "80", "--seed", "7",
                               "--data.image_size", "16", "--train.batch_size", "8"],
                              capture_output=True, text=True, check=True).stdout
        expected = [(int(p), int(e), sha) for p, e, sha in (line.split(",") for line in dump.splitlines())]
        self.assertEqual(take(self.stream(), 10), expected)
        self.assertEqual(take(self.stream(settings={"data.threads": 1, "data.connections": 1}), 10), expected)

    def test_have_tensors_and_words(self):
        stream = self.stream(settings={"data.condition": "outline"})
        batch = next(stream)
        self.assertEqual((batch.images.shape, batch.images.dtype), ((8, 3, 16, 16), torch.uint8))
        self.assertEqual((batch.conditions.shape, batch.conditions.dtype), ((8, 1, 16, 16), torch.uint8))
        self.assertEqual((batch.labels.dtype, batch.positions.dtype, batch.entries.dtype), (torch.int64,) * 3)
        self.assertEqual(batch.positions.tolist(), list(range(8)))
        self.assertEqual(batch.captions, [f"c{entry}" for entry in batch.entries.tolist()])
        self.assertEqual([stream.labels[label] for label in batch.labels],
                         ["bed" if entry % 3 == 0 else "chair" for entry in batch.entries.tolist()])
        self.assertEqual((len(batch), len(stream), stream.labels), (8, ROWS, ["bed", "chair"]))
        self.assertIsNone(next(self.stream()).conditions)

    def test_are_the_streams_own_memory(self):
        batch = next(self.stream(settings={"data.condition": "outline"}))
        self.assertEqual(batch.images.data_ptr() % 64, 0)
        self.assertEqual(batch.conditions.data_ptr(), batch.images.data_ptr() + batch.images.nbytes)  # one buffer

    def test_keep_their_memory_and_give_it_back(self):
        stream = self.stream()
        view = next(stream).images[3]
        before = view.clone()
        addresses = {next(stream).images.data_ptr() for _ in range(60)}
        self.assertLess(len(addresses), 40)  # reused
        self.assertNotIn(view.untyped_storage().data_ptr(), addresses)
        del stream
        gc.collect()
        self.assertTrue(torch.equal(view, before))

    def test_count_against_the_streams_memory_while_held(self):
        stream = self.stream(image_size=512, settings={"data.memory": "32MiB", "data.connections": 1, "data.max_image_size": "1MiB"})
        held = [next(stream) for _ in range(8)]  # 50 MB: more than the stream may use, and yet it goes on
        self.assertGreater(stream.report()["peak_memory"], sum(batch.images.nbytes for batch in held))

    def test_of_all_ranks_are_one_batch(self):
        alone = take(self.stream(), 4)
        shares = [self.stream(rank=rank, world=3) for rank in range(3)]
        together = [sample for _ in range(4) for share in shares for sample in take(share, 1)]
        self.assertEqual(together, alone)

    def test_of_the_two_splits_share_no_row(self):
        def entries(split):
            stream = self.stream(batch_size=1, held_out=0.4, split=split)
            return {int(batch.entries) for batch in itertools.islice(stream, len(stream))}
        self.assertFalse(entries("train") & entries("held_out"))
        self.assertLessEqual(entries("train") | entries("held_out"), set(range(ROWS)) - {4})


class States(Case):
    def test_are_stateful_and_plain(self):
        stream = self.stream()
        self.assertIsInstance(stream, Stateful)
        take(stream, 4)
        state = stream.state_dict()
        self.assertEqual(state["position"], 32)
        self.assertIn('"entry":4', state["verdicts"])
        self.assertEqual(state["identity"]["list"], hashlib.sha256(self.list.read_bytes()).hexdigest())
        self.assertEqual(json.loads(json.dumps(state)), state)
        self.assertEqual(pickle.loads(pickle.dumps(state)), state)

    def test_resume_after_any_batch(self):
        whole = take(self.stream(), 9)
        for batches in range(9):
            first = self.stream()
            taken = take(first, batches)
            second = self.stream(settings={"data.threads": 1})
            second.load_state_dict(json.loads(json.dumps(first.state_dict())))
            self.assertEqual(taken + take(second, 9 - batches), whole, batches)

    def test_turn_a_running_stream_back(self):
        stream = self.stream()
        positions = []
        start = stream.state_dict()
        for batch in stream:
            positions.append(int(batch.positions[0]))
            if len(positions) == 3:
                stream.load_state_dict(start)
            if len(positions) == 5:
                break
        self.assertEqual(positions, [0, 8, 16, 0, 8])

    def test_may_be_taken_by_another_world(self):
        whole = take(self.stream(), 4)
        first = self.stream(rank=1, world=2)
        take(first, 2)
        second = self.stream(batch_size=16)
        second.load_state_dict(first.state_dict())
        self.assertEqual(take(second, 1), whole[16:])

    def test_of_other_streams_are_refused(self):
        stream = self.stream()
        take(stream, 1)
        with self.assertRaisesRegex(ValueError, "seed 7, not 8"):
            self.stream(seed=8).load_state_dict(stream.state_dict())
        for state in ({}, {"version": 1}, stream.state_dict() | {"position": -1}, stream.state_dict() | {"verdicts": "x"}):
            with self.assertRaises(ValueError):
                stream.load_state_dict(state)
        self.assertEqual(next(stream).positions[0], 8)  # none of them did anything
        with open(self.list, "a") as rows:
            rows.write('{"url": "0.png"}\n')
        with self.assertRaisesRegex(ValueError, "another list"):
            self.stream().load_state_dict(stream.state_dict())
        self.stream(settings={"data.accept_list": True}).load_state_dict(stream.state_dict())


class Loops(Case):
    def test_go_on_where_the_last_one_stopped(self):
        whole = take(self.stream(), 6)
        stream = self.stream()
        parts = []
        for _ in range(3):
            for batch in itertools.islice(stream, 2):
                parts += samples_of(batch)
        self.assertEqual(parts, whole)
        self.assertIs(iter(stream), stream)

    def test_of_several_threads_share_the_batches(self):
        stream, taken = self.stream(), []
        threads = [threading.Thread(target=lambda: taken.extend(take(stream, 5))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(taken), take(self.stream(), 20))

    def test_let_other_threads_run_while_they_wait(self):
        child = self.python("""
            import atelier, sys, threading, os
            stream = atelier.Stream(sys.argv[1], settings={"data.allow_private": True})
            threading.Timer(1, lambda: os._exit(7)).start()
            next(stream)""", self.silent_list())
        self.assertEqual(child.wait(), 7, child.communicate())

    def test_end_at_once_by_ctrl_c(self):
        child = self.python("""
            import atelier, sys
            stream = atelier.Stream(sys.argv[1], settings={"data.allow_private": True})
            try:
                print("waits", flush=True)
                for batch in stream: pass
            except KeyboardInterrupt:
                print("interrupted", stream.state_dict()["position"], flush=True)""", self.silent_list())
        self.assertEqual(child.stdout.readline(), "waits\n")
        time.sleep(1)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.stdout.readline(), "interrupted 0\n")
        self.assertLess(time.monotonic() - began, 1)
        out, errors = child.communicate()
        self.assertEqual((child.returncode, out, errors), (0, "", ""))

    def test_work_in_a_forked_child_only_before_the_first_batch(self):
        child = self.python("""
            import atelier, os, sys
            stream = atelier.Stream(sys.argv[1])
            def child_ends_with(body):
                if os.fork() == 0: sys.exit(body())  # runs every destructor
                return os.waitstatus_to_exitcode(os.wait()[1])
            def refused(take):
                try: take()
                except RuntimeError as error: return 5 if "process" in str(error) else 6
            def early(): return int(next(stream).positions[0]) + 4
            def late():
                global stream, batch
                codes = {refused(lambda: next(stream)), refused(stream.state_dict),
                         refused(lambda: next(atelier.Stream(sys.argv[1])))}
                del stream, batch
                return codes.pop() if len(codes) == 1 else 7
            assert child_ends_with(early) == 4
            batch = next(stream)
            assert child_ends_with(late) == 5
            assert int(next(stream).positions[0]) == 32
            print("both")""", self.list)
        out, errors = child.communicate()
        self.assertEqual((out, errors), ("both\n", ""))


class Warned(Case):
    def test_of_what_a_tar_has_in_vain(self):
        with tarfile.open(self.folder / "a.tar", "w") as tar:
            tar.add(self.folder / "0.png", "0.png")
            tar.add(self.folder / "1.png", "1.png")
            tar.add(self.folder / "list.jsonl", "2.txt")  # a caption without an image
        with self.assertWarnsRegex(UserWarning, "a.tar"):
            atelier.Stream(self.folder / "a.tar", settings={"data.allow_private": True})

    def test_of_a_cache_that_cannot_be_written(self):
        cache = self.folder / "cache"
        stream = self.stream(settings={"data.cache": cache})
        take(stream, 1)
        shutil.rmtree(cache)
        cache.write_text("in its place")
        with self.assertWarnsRegex(UserWarning, "the cache is no longer filled"):
            stream.load_state_dict(stream.state_dict())  # seals what has come


class Errors(Case):
    def test_of_settings_are_the_programs_sentences(self):
        for options, sentence in (
                ({"settings": {"data.flop": True}}, "settings: data.flop is no setting; did you mean data.flip?"),
                ({"batch_size": 0}, 'settings: train.batch_size cannot be "0"; it takes an integer from 1 to 65536'),
                ({"settings": {"seed": 1}}, "settings: seed is given twice; give it once"),
                ({"split": "test"}, 'split cannot be "test"; it is "train" or "held_out"'),
                ({"split": "held_out"}, "nothing is held out; set data.held_out to a share of the groups, such as 0.05"),
                ({"rank": 3, "world": 3}, "rank 3 is none of 3 processes; it counts from 0"),
                ({"world": 9}, "a batch of 8 cannot be shared by 9 processes; raise train.batch_size")):
            with self.assertRaises(ValueError) as caught:
                self.stream(**options)
            self.assertEqual(str(caught.exception), sentence)
        with self.assertRaisesRegex(TypeError, "data.flip takes text, a number, True or False, not list"):
            self.stream(settings={"data.flip": []})
        with self.assertRaisesRegex(ValueError, "nowhere.csv"):
            atelier.Stream("nowhere.csv")

    def test_take_every_kind_of_value(self):
        self.stream(settings={"data.flip": False, "data.brightness": 1e-05, "data.seed": None, "data.memory": "64MiB",
                              "data.cache": self.folder / "cache", "data.threads": torch.tensor(2)})

    def test_of_a_run_that_is_over_stay(self):
        for image in self.folder.glob("*.png"):
            image.unlink()
        stream = self.stream()
        for _ in range(2):
            with self.assertRaisesRegex(ValueError, "verdict|could be had|failed"):
                next(stream)
        self.assertGreater(stream.report()["failures"]["missing-file"], 0)


class Module(Case):
    def test_shares_one_libtorch(self):
        maps = Path("/proc/self/maps").read_text().splitlines()
        for library in ("libtorch_cpu", "libtorch_python", "libc10"):
            paths = {line.split()[-1] for line in maps if f"/{library}.so" in line}
            self.assertEqual(len(paths), 1, paths)
            self.assertTrue(paths.pop().startswith(str(Path(torch.__file__).parent)))

    def test_says_how_it_goes(self):
        stream = self.stream()
        self.assertEqual(stream.report()["delivered"], 0)
        take(stream, 5)
        report = stream.report()
        self.assertEqual((report["delivered"], report["failures"].keys()), (40, {"missing-file"}))
        self.assertIn(report["limit"], ("network", "decode", "consumer"))

    def test_is_what_its_stub_says(self):
        tree = ast.parse(Path(os.environ["STUB"]).read_text())
        for described in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            names = {member.name for member in described.body if isinstance(member, ast.FunctionDef)}
            actual = vars(getattr(atelier, described.name))
            self.assertLessEqual(names, actual.keys())
            self.assertLessEqual({name for name in actual if not name.startswith("_")}, names)


if __name__ == "__main__":
    unittest.main()
