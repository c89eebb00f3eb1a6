#!/usr/bin/env python3
"""LitData over its chunks on the local disk, two workers, shuffled.    litdata_loader.py FOLDER_OF_CHUNKS"""

import sys

import job
import litdata


class Photos(litdata.StreamingDataset):
    def __getitem__(self, index):
        return job.decode(bytes(super().__getitem__(index)))


photos = Photos(sys.argv[1], shuffle=True, seed=1, drop_last=False)
loader = litdata.StreamingDataLoader(photos, batch_size=job.BATCH, num_workers=2, prefetch_factor=4, collate_fn=job.to_batch,
                                     worker_init_fn=lambda _: job.one_thread_each())
job.measure(lambda: iter(loader))
