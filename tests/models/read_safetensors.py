"""Prints what a safetensors file holds, as JSON: read by the format's description alone, without Atelier."""
import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()


def numbers(entry):
    begin, end = entry["data_offsets"]
    code, size = {"F32": ("f", 4), "I64": ("q", 8), "U8": ("B", 1)}[entry["dtype"]]
    return list(struct.unpack(f"<{(end - begin) // size}{code}", data[begin:end]))


metadata = header.pop("__metadata__", {})
json.dump({"metadata": metadata,
           "tensors": {name: {**entry, "numbers": numbers(entry)} for name, entry in header.items()}}, sys.stdout)
