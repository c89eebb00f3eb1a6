"""Prints what the tensorboard package finds in a folder of event files, as JSON."""
import hashlib
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
events.Reload()
tags = events.Tags()


def image(event):
    return [event.step, event.width, event.height, hashlib.sha256(event.encoded_image_string).hexdigest()]


def text(event):
    return [event.step, event.tensor_proto.string_val[0].decode()]


json.dump({
    "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [image(e) for e in events.Images(tag)] for tag in tags["images"]},
    "texts": {tag: [text(e) for e in events.Tensors(tag)] for tag in tags["tensors"]},
}, sys.stdout)
