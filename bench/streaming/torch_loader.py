#!/usr/bin/env python3
"""torch's DataLoader over URLs, two workers, a kept-alive requests session each.    torch_loader.py URLS [--no-head]"""

import sys

import job
import requests
import torch
from torch.utils.data import DataLoader, Dataset


class Photos(Dataset):
    def __init__(self, urls, head):
        self.urls, self.head, self.session = urls, head, None

    def __len__(self):
        return len(self.urls)

    def __getitem__(self, index):
        self.session = self.session or requests.Session()
        if self.head:
            self.session.head(self.urls[index], timeout=10, allow_redirects=True).raise_for_status()
        answer = self.session.get(self.urls[index], timeout=30)
        answer.raise_for_status()
        return job.decode(answer.content)


with open(sys.argv[1], encoding="utf-8") as lines:
    photos = Photos(lines.read().split(), head="--no-head" not in sys.argv)
loader = DataLoader(photos, job.BATCH, shuffle=True, num_workers=2, prefetch_factor=4, collate_fn=job.to_batch,
                    worker_init_fn=lambda _: job.one_thread_each(), generator=torch.Generator().manual_seed(1))
job.measure(lambda: iter(loader))
