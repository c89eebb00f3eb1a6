"""Writes tests/images/data: small pictures of every kind, and what Pillow (or arithmetic) says their pixels are.

    python3 tests/images/make_fixtures.py        # needs Pillow 10 or newer, NumPy

NAME.EXT is the picture, NAME.EXT.ppm what decode() has to return for it.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

FOLDER = pathlib.Path(__file__).parent / "data"
WIDTH, HEIGHT = 37, 23  # odd, so that no block or interlace pass fits


def keep(name, file_bytes, expected):
    """Stores a picture beside the pixels it stands for (uint8 [H, W, 3])."""
    (FOLDER / name).write_bytes(file_bytes)
    height, width, _ = expected.shape
    ppm = b"P6\n%d %d\n255\n" % (width, height) + expected.astype(np.uint8).tobytes()
    (FOLDER / (name + ".ppm")).write_bytes(ppm)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def on_white(rgba):
    colour, alpha = rgba[..., :-1].astype(np.int64), rgba[..., -1:].astype(np.int64)
    grey_or_rgb = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return np.broadcast_to(grey_or_rgb, (*rgba.shape[:2], 3))


def to_8_bit(wide):
    """Rounded to nearest: 65535 is 257 * 255."""
    return (wide.astype(np.int64) + 128) // 257


def png(samples, colour_type, depth, interlaced=False):
    """A PNG file of samples [H, W, C], written by hand: Pillow writes neither 16-bit colour nor interlaced ones."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def scan(part):
        rows = part.astype(">u2" if depth == 16 else np.uint8)
        return b"".join(b"\0" + row.tobytes() for row in rows) if part.size else b""

    height, width, _ = samples.shape
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [samples[y::dy, x::dx] for y, x, dy, dx in adam7] if interlaced else [samples]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    body = zlib.compress(b"".join(map(scan, passes)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def area(pixels, width, height):
    """Each target pixel the mean of what it covers; float64 [H, W, 3]."""

    def cover(source, target):
        edges = np.arange(target + 1) * source / target
        low, high = np.arange(source), np.arange(source) + 1
        return np.maximum(0, np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)) * target / source

    height_cover, width_cover = cover(pixels.shape[0], height), cover(pixels.shape[1], width)
    return np.einsum("yh,xw,hwc->yxc", height_cover, width_cover, pixels.astype(np.float64))


def resized():
    """What Pillow's resize (for area: arithmetic) makes of a scene: scene_FIT_FILTER.ppm in 64 x 64, and by bilinear
    scene_wide_FIT.ppm in 88 x 48, scene_tall_FIT.ppm in 48 x 88."""
    width, height, side = 150, 104, 64
    random = np.random.default_rng(3)
    octaves = [Image.fromarray((random.random((height >> k, width >> k, 3)) * 255).astype(np.uint8)) for k in range(2, 6)]
    layers = [np.asarray(octave.resize((width, height), Image.BICUBIC), np.float64) for octave in octaves]
    pixels = sum(layer * weight for layer, weight in zip(layers, (0.08, 0.16, 0.3, 0.46)))
    scene = Image.fromarray(np.clip(pixels * 1.4 - 50, 0, 255).astype(np.uint8))
    (FOLDER / "scene.jpg").write_bytes(saved(scene, format="JPEG", quality=92))
    (FOLDER / "scene_progressive.jpg").write_bytes(saved(scene, format="JPEG", quality=92, progressive=True))
    scene = Image.open(FOLDER / "scene.jpg")
    (FOLDER / "scene.png").write_bytes(saved(scene, format="PNG"))

    margin = (width - height) // 2
    cut = scene.crop((margin, 0, margin + height, height))
    padded_height = round(height * side / width)
    for name, method in [("area", None), ("bilinear", Image.BILINEAR), ("lanczos", Image.LANCZOS)]:

        def fit(image, columns, rows):
            if method is None:
                return np.floor(area(np.asarray(image), columns, rows) + 0.5).astype(np.uint8)
            return np.asarray(image.resize((columns, rows), method))

        padded = np.full((side, side, 3), 255, np.uint8)
        top = (side - padded_height) // 2
        padded[top : top + padded_height] = fit(scene, side, padded_height)
        squares = {"crop": fit(cut, side, side), "stretch": fit(scene, side, side), "pad": padded}
        for shape, square in squares.items():
            ppm = b"P6\n%d %d\n255\n" % (side, side) + square.tobytes()
            (FOLDER / f"scene_{shape}_{name}.ppm").write_bytes(ppm)
    for shape, (columns, rows) in {"wide": (88, 48), "tall": (48, 88)}.items():
        cut_width = min(width, round(height * columns / rows))
        cut_height = min(height, round(width * rows / columns))
        left, top = (width - cut_width) // 2, (height - cut_height) // 2
        cut = scene.crop((left, top, left + cut_width, top + cut_height)).resize((columns, rows), Image.BILINEAR)
        scale = min(columns / width, rows / height)
        inner = scene.resize((round(width * scale), round(height * scale)), Image.BILINEAR)
        padded = Image.new("RGB", (columns, rows), "white")
        padded.paste(inner, ((columns - inner.width) // 2, (rows - inner.height) // 2))
        for fit_name, picture in {"crop": cut, "pad": padded}.items():
            ppm = b"P6\n%d %d\n255\n" % (columns, rows) + picture.tobytes()
            (FOLDER / f"scene_{shape}_{fit_name}.ppm").write_bytes(ppm)


def main():
    FOLDER.mkdir(exist_ok=True)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    colour = np.stack([x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + 2 * y) * 3 % 256], -1).astype(np.uint8)
    colour[5:12, 8:20] = (200, 40, 30)
    alpha = ((x * 7 + y * 11) % 256).astype(np.uint8)
    rgb, rgba = Image.fromarray(colour), Image.fromarray(np.dstack([colour, alpha]))
    grey = rgb.convert("L")
    grey_alpha = np.dstack([np.asarray(grey), alpha])

    # PNG
    keep("rgb.png", saved(rgb, format="PNG"), colour)
    keep("grey.png", saved(grey, format="PNG"), np.asarray(grey.convert("RGB")))
    keep("one_bit.png", saved(grey.convert("1"), format="PNG"), np.asarray(grey.convert("1").convert("RGB")))
    palette = rgb.quantize(13)
    keep("palette.png", saved(palette, format="PNG"), np.asarray(palette.convert("RGB")))
    transparent = bytes(range(0, 13 * 20, 20))
    palette_file = saved(palette, format="PNG", transparency=transparent)
    keep("palette_transparent.png", palette_file, on_white(np.asarray(Image.open(io.BytesIO(palette_file)).convert("RGBA"))))
    keep("grey_alpha.png", saved(Image.fromarray(grey_alpha, "LA"), format="PNG"), on_white(grey_alpha))
    keep("rgba.png", saved(rgba, format="PNG"), on_white(np.asarray(rgba)))
    keep("interlaced.png", png(colour, 2, 8, interlaced=True), colour)
    wide = np.dstack([colour, alpha]).astype(np.int64) * 256 + (x * 31 + y * 17)[..., None] % 256
    keep("grey_16.png", png(wide[..., :1], 0, 16), np.repeat(to_8_bit(wide[..., :1]), 3, -1))
    keep("rgb_16.png", png(wide[..., :3], 2, 16), to_8_bit(wide[..., :3]))
    keep("rgba_16.png", png(wide, 6, 16, interlaced=True), on_white(to_8_bit(wide)))

    # JPEG: what Pillow reads back
    def keep_jpeg(name, image, **options):
        file = saved(image, format="JPEG", quality=92, **options)
        back = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        keep(name, file, np.asarray(back.convert("RGB")))

    keep_jpeg("baseline.jpg", rgb)
    keep_jpeg("progressive.jpg", rgb, progressive=True)
    keep_jpeg("restarts.jpg", rgb, restart_marker_blocks=1, subsampling="4:4:4")
    keep_jpeg("grey.jpg", grey)
    keep_jpeg("cmyk.jpg", rgb.convert("CMYK"))

    # Orientation
    def exif(orientation):
        tags = Image.Exif()
        tags[0x0112] = orientation
        tags[0x010E] = "a picture"
        return tags.tobytes()

    for orientation in range(1, 9):
        keep_jpeg(f"orientation_{orientation}.jpg", rgb, exif=exif(orientation))
    keep("orientation_6.png", saved(rgb, format="PNG", exif=exif(6)), np.rot90(colour, -1))
    keep("orientation_8.webp", saved(rgb, format="WEBP", lossless=True, exif=exif(8)), np.rot90(colour, 1))
    keep("orientation_bad.png", saved(rgb, format="PNG", exif=exif(9)), colour)

    # WebP
    lossy = saved(rgb, format="WEBP", quality=80)
    keep("lossy.webp", lossy, np.asarray(Image.open(io.BytesIO(lossy)).convert("RGB")))
    lossy = saved(rgba, format="WEBP", quality=80)
    keep("lossy_alpha.webp", lossy, on_white(np.asarray(Image.open(io.BytesIO(lossy)).convert("RGBA"))))
    keep("lossless.webp", saved(rgb, format="WEBP", lossless=True), colour)
    keep("lossless_alpha.webp", saved(rgba, format="WEBP", lossless=True, exact=True), on_white(np.asarray(rgba)))
    resized()
    (FOLDER / "animated.webp").write_bytes(saved(rgb, format="WEBP", save_all=True, append_images=[ImageOps.mirror(rgb)]))


if __name__ == "__main__":
    main()
