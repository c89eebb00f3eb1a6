"""The job that every peer of bench/streaming does, and how a Python peer measures itself.

Each photo of a list of URLs (or of tars) comes once, shuffled, in batches of 32, as uint8 [32, 3, 256, 256]: the centre
square, scaled. The clock begins when imports are done and ends with the last batch.
"""

import json
import resource
import time

import cv2
import numpy
import simplejpeg
import torch

BATCH, SIDE = 32, 256


def one_thread_each():
    """Worker processes are the parallelism."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def decode(jpeg):
    """uint8 [SIDE, SIDE, 3]: libjpeg-turbo at full size, then OpenCV's bilinear, the fastest that Python reaches."""
    image = simplejpeg.decode_jpeg(jpeg, "RGB")
    height, width = image.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return cv2.resize(image[top:top + edge, left:left + edge], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def to_batch(images):
    return torch.from_numpy(numpy.stack(images)).permute(0, 3, 1, 2).contiguous()


def cpu_seconds():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(make_batches):
    """Takes every batch of make_batches() and prints one line of JSON."""
    one_thread_each()
    cpu, begin = cpu_seconds(), time.perf_counter()
    images, first = 0, None
    batches = make_batches()
    for batch in batches:
        assert batch.dtype == torch.uint8 and batch.shape[1:] == (3, SIDE, SIDE) and batch.is_contiguous()
        first = first or time.perf_counter() - begin
        images += len(batch)
    seconds = time.perf_counter() - begin
    del batches  # ends the workers, whose time counts
    print(json.dumps({"delivered": images, "seconds": seconds, "first_batch": first, "cpu": cpu_seconds() - cpu}))
