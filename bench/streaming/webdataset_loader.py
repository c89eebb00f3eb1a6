#!/usr/bin/env python3
"""webdataset over tars by http, two workers, a shuffle buffer of 500.    webdataset_loader.py URL_OF_A_TAR..."""

import sys

import job
import webdataset

tars = sys.argv[1:]
samples = webdataset.WebDataset(tars, shardshuffle=len(tars), seed=1, nodesplitter=webdataset.split_by_node)
batches = samples.shuffle(500).map(lambda sample: job.decode(sample["jpg"])).batched(job.BATCH, collation_fn=job.to_batch)
loader = webdataset.WebLoader(batches, batch_size=None, num_workers=2, prefetch_factor=4,
                              worker_init_fn=lambda _: job.one_thread_each())
job.measure(lambda: iter(loader))
