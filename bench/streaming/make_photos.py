#!/usr/bin/env python3
"""Makes the photos: 640x480 JPEGs, quality 90, 4:2:0, every one different; and the same bytes in tars of 250.

    make_photos.py FOLDER COUNT BASE_URL

Crops of the photographs that come with scikit-image and scikit-learn, with other colours and some sensor noise. Leaves
FOLDER/img/, FOLDER/tar/ and FOLDER/photos.txt (a URL a line). The same COUNT makes the same bytes.
"""

import io
import multiprocessing
import sys
import tarfile
from pathlib import Path

import numpy
import skimage
import sklearn
from PIL import Image, ImageEnhance

SKIMAGE, SKLEARN = Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"
PHOTOGRAPHS = [SKLEARN / "china.jpg", SKLEARN / "flower.jpg", *(SKIMAGE / name for name in (
    "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png"))]
PER_TAR = 250


def photo(number):
    random = numpy.random.default_rng(1000 + number)
    image = Image.open(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]).convert("RGB")
    width = min(image.width, image.height * 4 / 3) * random.uniform(0.72, 1)
    height = width * 3 / 4
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    image = image.resize((640, 480), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    for change in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        image = change(image).enhance(random.uniform(0.85, 1.15))
    noise = random.normal(0, random.uniform(0.5, 3), (480, 640, 1))
    encoded = io.BytesIO()
    Image.fromarray(numpy.clip(numpy.asarray(image) + noise, 0, 255).astype(numpy.uint8)).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


def main():
    folder, count, base = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for name in ("img", "tar"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        tar = None
        for number, jpeg in enumerate(pool.imap(photo, range(count), chunksize=16)):
            name = f"{number:06}.jpg"
            (folder / "img" / name).write_bytes(jpeg)
            if number % PER_TAR == 0:
                if tar:
                    tar.close()
                tar = tarfile.open(folder / "tar" / f"{number // PER_TAR:03}.tar", "w", format=tarfile.USTAR_FORMAT)
            member = tarfile.TarInfo(name)
            member.size = len(jpeg)
            tar.addfile(member, io.BytesIO(jpeg))
        tar.close()
    (folder / "photos.txt").write_text("".join(f"{base}/img/{number:06}.jpg\n" for number in range(count)))


if __name__ == "__main__":
    main()
