#!/usr/bin/env python3
"""Makes the photos: 640x480 JPEGs, quality 90, 4:2:0, every one different; and the same bytes packed for other loaders.

    make_photos.py FOLDER COUNT BASE_URL

Crops of the photographs that come with scikit-image and scikit-learn, with other colours and some sensor noise. Leaves
img/, tar/ (250 a tar), chunks/ (LitData's) and photos.txt (a URL a line) in FOLDER, and all four again in FOLDER/small, of
the same photos at 384x288. The same COUNT makes the same bytes.
"""

import io
import multiprocessing
import sys
import tarfile
from pathlib import Path

import litdata
import numpy
import skimage
import sklearn
from PIL import Image, ImageEnhance

SKIMAGE, SKLEARN = Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"
PHOTOGRAPHS = [SKLEARN / "china.jpg", SKLEARN / "flower.jpg", *(SKIMAGE / name for name in (
    "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png"))]
PER_TAR = 250


def encoded(image):
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


def photo(number):
    """The bytes of one photo, full and small."""
    random = numpy.random.default_rng(1000 + number)
    image = Image.open(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]).convert("RGB")
    width = min(image.width, image.height * 4 / 3) * random.uniform(0.72, 1)
    height = width * 3 / 4
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    image = image.resize((640, 480), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    for change in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        image = change(image).enhance(random.uniform(0.85, 1.15))
    noise = random.normal(0, random.uniform(0.5, 3), (480, 640, 1))
    image = Image.fromarray(numpy.clip(numpy.asarray(image) + noise, 0, 255).astype(numpy.uint8))
    return encoded(image), encoded(image.resize((384, 288), Image.Resampling.LANCZOS))


class Folder:
    """Photos as files, in tars and in a list."""

    def __init__(self, path, base):
        self.path, self.base, self.urls, self.tar = path, base, [], None
        for name in ("img", "tar"):
            (path / name).mkdir(parents=True, exist_ok=True)

    def add(self, jpeg):
        number = len(self.urls)
        name = f"{number:06}.jpg"
        (self.path / "img" / name).write_bytes(jpeg)
        self.urls.append(f"{self.base}/img/{name}\n")
        if number % PER_TAR == 0:
            self.close_tar()
            self.tar = tarfile.open(self.path / "tar" / f"{number // PER_TAR:03}.tar", "w", format=tarfile.USTAR_FORMAT)
        member = tarfile.TarInfo(name)
        member.size = len(jpeg)
        self.tar.addfile(member, io.BytesIO(jpeg))

    def close_tar(self):
        if self.tar:
            self.tar.close()

    def finish(self):
        self.close_tar()
        files = sorted(map(str, (self.path / "img").iterdir()))
        litdata.optimize(fn=read, inputs=files, output_dir=str(self.path / "chunks"), chunk_bytes="64MB", num_workers=1)
        (self.path / "photos.txt").write_text("".join(self.urls))


def read(file):
    return Path(file).read_bytes()


def main():
    folder, count, base = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    full, small = Folder(folder, base), Folder(folder / "small", f"{base}/small")
    with multiprocessing.Pool() as pool:
        for jpeg, small_jpeg in pool.imap(photo, range(count), chunksize=16):
            full.add(jpeg)
            small.add(small_jpeg)
    small.finish()
    full.finish()  # last: run.sh takes its list for the sign that all is there


if __name__ == "__main__":
    main()
