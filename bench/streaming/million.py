#!/usr/bin/env python3
"""What a long stream costs besides the network and the decoding: CPU time of a sample, and the most memory.

    million.py PROGRAM [--rows 1000000] [--files] [flags of atelier-data ...]

Makes a list of 8x8 pictures, serves it by nginx on the loopback (or names the files themselves, with --files), streams one pass of
it through PROGRAM (an atelier-data), and measures the stages alone by `PROGRAM bench` before and after. What is printed:

    cpu         of the whole stream, microseconds a sample: user and system time of the process
    fetch       the same of fetching alone, and decode of decoding alone on one thread; medians of the bench runs
    overhead    what remains: order, list, budget, queues, batches, counting
    memory      the largest resident set, and that over data.memory (512 MiB unless set)
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

PICTURES = 64
NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; types {{ image/png png; }}
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def png(side, seed):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_list(folder, rows, side, prefix):
    for i in range(PICTURES):
        (folder / f"{i}.png").write_bytes(png(side, i))
    query = "?row={}" if prefix else ""
    with open(folder / "list.txt", "w") as text:
        for row in range(rows):
            text.write(f"{prefix}{row % PICTURES}.png{query.format(row)}\n")
    return folder / "list.txt"


@contextlib.contextmanager
def web_server(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([nginx, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def costs_of_stages(command):
    measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return tuple(1000 * measured[stage]["cpu_seconds_per_1000"] for stage in ("fetch", "decode_one"))


def measure(program, text, flags, rows):
    bench = [program, "bench", text, "--json", "--seconds", "5", *flags]
    stages = [costs_of_stages(bench)]
    report = text.parent / "report.json"
    begin = time.monotonic()
    stream = os.posix_spawn(program, [program, "stream", text, "--report", report, *flags], os.environ)
    _, status, used = os.wait4(stream, 0)
    assert status == 0, f"the stream ended with {os.waitstatus_to_exitcode(status)}"
    seconds = time.monotonic() - begin
    stages += [costs_of_stages(bench), costs_of_stages(bench)]
    fetch, decode = (statistics.median(column) for column in zip(*stages))
    cpu = 1e6 * (used.ru_utime + used.ru_stime) / rows
    limit = json.loads(report.read_text())
    print(f"{rows} samples in {seconds:.1f} s: {limit['limit_sentence']}")
    print(f"cpu {cpu:.1f} us, fetch {fetch:.1f} us, decode {decode:.1f} us, overhead {cpu - fetch - decode:.1f} us a sample")
    print(f"memory {used.ru_maxrss / 1024:.0f} MiB; of data.memory in use at most {limit['peak_memory'] / 2**20:.1f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, default=8, help="edge of a picture")
    parser.add_argument("--files", action="store_true")
    given, flags = parser.parse_known_args()
    if not any(flag.startswith("--data.image_size") for flag in flags):
        flags += ["--data.image_size", str(given.side)]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # the server may be another user
        prefix = "" if given.files else stack.enter_context(web_server(folder))
        text = write_list(folder, given.rows, given.side, prefix)
        measure(given.program, text, ["--data.allow_private", "true", *flags], given.rows)


if __name__ == "__main__":
    sys.exit(main())
