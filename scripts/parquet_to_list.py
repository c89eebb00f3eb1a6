#!/usr/bin/env python3
"""Turns parquet files into a list that Atelier reads.

    scripts/parquet_to_list.py chairs.parquet --out chairs.jsonl
    scripts/parquet_to_list.py part-*.parquet --url URL --column caption=TEXT --out laion.jsonl.zst
    scripts/parquet_to_list.py metadata/ --column label=category --keep width --keep height --out chairs.jsonl.gz

Every row becomes an object a line; .gz and .zst behind .jsonl pack it. The url is the column "url", in any case of
letters, or the one that --url names. Columns with the names of a list's other fields (label, caption, condition_url,
sha256, group, licence, creator) are taken as they are; --column FIELD=COLUMN takes a field from another column, --keep
carries a column along. A folder means the *.parquet files in it, in order of their names. Rows without a url that a list
may have are left out and counted. Files are read batch by batch, so they may be larger than memory; the list appears whole
or not at all. Needs pyarrow: pip install pyarrow.
"""

import argparse
import contextlib
import difflib
import gzip
import json
import math
import os
import re
import sys
from pathlib import Path

FIELDS = ["url", "label", "caption", "condition_url", "sha256", "group", "licence", "creator"]
BATCH_ROWS = 16_384
LONGEST_ROW = 1 << 20  # bytes: docs/list-format.md


def stop(sentence):
    sys.exit(f"parquet_to_list.py: {sentence}")


try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    if not {"-h", "--help"} & set(sys.argv):
        stop("needs pyarrow; install it: pip install pyarrow")


def text_of(value, field, column):
    """A field's value as a list wants it: text, or None for nothing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return stop(f"the column \"{column}\" holds {type(value).__name__} and cannot be the field \"{field}\"; name another")


def chosen_columns(schema, options, file):
    """{field or kept column: column} of one file."""
    names = schema.names

    def present(column):
        if column not in names:
            near = difflib.get_close_matches(column, names, 1)
            stop(f"{file} has no column \"{column}\"; " +
                 (f"did you mean \"{near[0]}\"?" if near else f"it has {', '.join(names)}"))
        return column

    chosen = {field: field for field in FIELDS[1:] if field in names}
    urls = [name for name in names if name.lower() == "url"]
    if options.url is None and len(urls) != 1:
        stop(f"which column of {file} has the urls? Name it by --url; there are {', '.join(names)}")
    chosen["url"] = present(options.url) if options.url else urls[0]
    for given in options.column:
        field, _, column = given.partition("=")
        if field not in FIELDS or not column:
            stop(f"--column takes FIELD=COLUMN, FIELD one of {', '.join(FIELDS)}, not \"{given}\"")
        chosen[field] = present(column)
    for column in options.keep:
        chosen.setdefault(present(column), column)
    return chosen


def lines_of(files, options):
    """Each row's line, or None for one that is left out."""
    for file in files:
        with pyarrow.parquet.ParquetFile(file) as table:
            chosen = chosen_columns(table.schema_arrow, options, file)
            for batch in table.iter_batches(BATCH_ROWS, columns=sorted(set(chosen.values()))):
                columns = {name: batch.column(column).to_pylist() for name, column in chosen.items()}
                for values in zip(*columns.values()):
                    yield line_of(dict(zip(columns, values)), chosen)


def is_missing(value):
    """NaN and infinities, which JSON does not have."""
    return isinstance(value, float) and not math.isfinite(value)


def line_of(row, chosen):
    row = {name: text_of(value, name, chosen[name]) if name in FIELDS else value
           for name, value in row.items() if value is not None and not is_missing(value)}
    url = row.get("url", "").strip()
    if not url or re.search(r"[\x00-\x1f\x7f]", url):
        return None
    line = json.dumps({**row, "url": url}, ensure_ascii=False, allow_nan=False, default=str).encode()
    return line + b"\n" if len(line) <= LONGEST_ROW else None


def open_packed(path, ending):
    if ending == ".gz":
        return gzip.open(path, "wb", compresslevel=6)
    if ending == ".zst":
        return pyarrow.CompressedOutputStream(str(path), "zstd")
    return open(path, "wb")


def write_list(files, options):
    """Writes aside, syncs, renames. Returns rows written and rows left out."""
    partial = options.out.with_name(options.out.name + ".partial")
    written = left_out = 0
    try:
        with open_packed(partial, options.out.suffix) as out:
            for line in lines_of(files, options):
                if line is None:
                    left_out += 1
                    continue
                out.write(line)
                written += 1
                if written % 1_000_000 == 0:
                    print(f"{written:,} rows", file=sys.stderr)
        if written == 0:
            stop(f"no row of {', '.join(map(str, files))} has a url; name their column by --url")
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, options.out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)
    return written, left_out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="+", help="parquet files, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="the list: NAME.jsonl, NAME.jsonl.gz or NAME.jsonl.zst")
    parser.add_argument("--url", metavar="COLUMN", help="the column of the urls")
    parser.add_argument("--column", metavar="FIELD=COLUMN", action="append", default=[],
                        help="take a field from this column; may be given several times")
    parser.add_argument("--keep", metavar="COLUMN", action="append", default=[],
                        help="carry a column along; may be given several times")
    options = parser.parse_args()
    if not re.search(r"\.jsonl(\.gz|\.zst)?$", options.out.name):
        stop(f"--out ends in .jsonl, .jsonl.gz or .jsonl.zst, not as {options.out.name} does")
    files = [file for source in options.source
             for file in (sorted(source.glob("*.parquet")) if source.is_dir() else [source])]
    if not files:
        stop(f"no *.parquet file in {', '.join(map(str, options.source))}")
    try:
        written, left_out = write_list(files, options)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        stop(str(error).splitlines()[0])
    print(f"{written:,} rows in {options.out}" + (f"; {left_out:,} without a url that a list may have" if left_out else ""))


if __name__ == "__main__":
    main()
