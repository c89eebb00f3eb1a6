#!/usr/bin/env python3
"""Runs every peer REPETITIONS times, one after another and around again, and prints the medians as a Markdown table.

    compare.py PHOTOS_FOLDER BASE_URL REPETITIONS ATELIER_DATA REFERENCE

A peer prints one line of JSON. CPU seconds are user and system time, workers included; of programs in C++ and C those of
the whole process, of Python from after its imports. Memory is the sum of the proportional shares (PSS) of the process and
its children, asked for 20 times a second.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
BATCH = 32
LIMIT = 600  # seconds for one run


def family(process):
    """The process and all its descendants."""
    found = [process]
    for one in found:
        try:
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except OSError:
            pass  # gone meanwhile
    return found


def memory_of(process):
    """KiB."""
    total = 0
    for one in family(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def run(command):
    """{"delivered", "seconds", "cpu", "first_batch", "memory" in MiB}; the last two not of every peer."""
    with tempfile.TemporaryFile("w+") as said:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.PIPE, text=True)
        peak = [0]

        def watch():
            while child.poll() is None:
                peak[0] = max(peak[0], memory_of(child.pid))
                time.sleep(0.05)
        before = os.times()
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            _, errors = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            sys.exit(f"compare.py: {command[0]} took more than {LIMIT} s")
        watcher.join()
        whole = time.perf_counter() - begin
        after = os.times()
        if child.returncode != 0:
            sys.exit(f"compare.py: {' '.join(map(str, command))} ended with {child.returncode}\n{errors}")
        said.seek(0)
        lines = said.read().splitlines()
    result = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {"seconds": whole}
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"cpu": cpu, "whole": whole, "memory": peak[0] / 1024} | result


def peers(photos, base, atelier, reference):
    """Name -> (command, the command of one batch or None)."""
    urls = photos / "photos.txt"
    tars = sorted(tar.name for tar in (photos / "tar").iterdir())
    settings = ["--data.allow_private", "true", "--data.image_size", "256", "--data.flip", "false", "--data.brightness",
                "0", "--train.batch_size", str(BATCH)]
    batch = ["--dump", str(BATCH)]

    def ours(source, *more):
        command = [atelier, "stream", source, *settings, *more]
        return [*command, "--json"], [*command, *batch]

    def python(loader, *given):
        return [sys.executable, HERE / loader, *given], None
    return {
        "atelier, HEAD + GET": ours(urls),
        "atelier, GET": ours(urls, "--data.head", "never"),
        "torch DataLoader, HEAD + GET": python("torch_loader.py", urls),
        "torch DataLoader, GET": python("torch_loader.py", urls, "--no-head"),
        "plain C, HEAD + GET": ([reference, urls, "head", "2"], None),
        "plain C, GET": ([reference, urls, "get", "2"], None),
        "atelier, packed store": ours(photos / "store"),
        "webdataset, tars by http": python("webdataset_loader.py", *(f"{base}/tar/{tar}" for tar in tars)),
        "litdata, local chunks": python("litdata_loader.py", photos / "chunks"),
        "atelier, packed store of 384x288": ours(photos / "small" / "store"),
        "webdataset, tars of 384x288 by http": python("webdataset_loader.py", *(f"{base}/small/tar/{tar}" for tar in tars)),
        "litdata, local chunks of 384x288": python("litdata_loader.py", photos / "small" / "chunks"),
    }


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    widest = next((name for flag, name in (("avx512bw", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "no AVX2")
    return f"{os.cpu_count()} cores, {widest}"


def main():
    photos, base, repetitions = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    jobs = peers(photos, base, *sys.argv[4:6])
    count = len((photos / "photos.txt").read_text().split())
    runs = {name: [] for name in jobs}
    for repetition in range(repetitions):
        for name, (command, first) in jobs.items():
            result = run(command)
            if not count <= result["delivered"] < count + BATCH:  # atelier's last batch begins the next pass
                sys.exit(f"compare.py: {name} delivered {result['delivered']} of {count}")
            if first:
                result["first_batch"] = run(first)["whole"]
            runs[name].append(result)
            print(f"{repetition + 1}/{repetitions} {name}: {result['delivered'] / result['seconds']:.0f} images/s", file=sys.stderr)
    print(f"{processor()}; {count} photos; medians of {repetitions}\n")
    print("| | images/s | CPU-s per 1,000 | peak MiB | first batch, s |\n|---|---|---|---|---|")
    for name, results in runs.items():
        def median(value):
            return statistics.median(map(value, results))
        print(f"| {name} | {median(lambda r: r['delivered'] / r['seconds']):.0f} | {median(lambda r: 1000 * r['cpu'] / r['delivered']):.2f} | "
              f"{median(lambda r: r['memory']):.0f} | {median(lambda r: r['first_batch']):.2f} |")


if __name__ == "__main__":
    main()
