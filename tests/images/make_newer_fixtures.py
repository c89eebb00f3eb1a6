"""Writes the AVIF, JPEG XL, TIFF and BMP files of tests/images/data, and what others say their pixels are.

    python3 tests/images/make_newer_fixtures.py   # needs what make_fixtures.py needs, Pillow 11.3 or newer for AVIF, and
                                                  # Debian's libavif-bin, libjxl-tools and libtiff-tools

Beside each file lies NAME.EXT.ppm as make_fixtures.py says. Lossy pictures: what Pillow reads (AVIF, JPEG in TIFF), or
libjxl's own djxl; the rest is arithmetic.
"""

import io
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageOps

from make_fixtures import FOLDER, HEIGHT, WIDTH, keep, on_white, png, saved, to_8_bit

SCRATCH = pathlib.Path(tempfile.mkdtemp())


def made(command, extension):
    """The file that a program writes; OUT stands for its name."""
    out = SCRATCH / f"out.{extension}"
    out.unlink(missing_ok=True)
    subprocess.run([str(out) if word == "OUT" else str(word) for word in command], check=True, capture_output=True)
    return out.read_bytes()


def scratch(name, file_bytes):
    (SCRATCH / name).write_bytes(file_bytes)
    return SCRATCH / name


def turned(pixels, orientation):
    """How a picture that is stored as `pixels` stands upright (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def opened(file_bytes, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(file_bytes)).convert(mode))


def tiff(samples, order="<", photometric=2, extra=None, bits=8):
    """An uncompressed TIFF of samples [H, W, C] in one strip, by hand: its table first, the pixels last."""
    height, width, channels = samples.shape
    kind = np.dtype(np.uint8 if bits == 8 else np.uint16).newbyteorder(order)
    body = samples.astype(kind).tobytes()
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, None), (259, 3, 1, 1), (262, 3, 1, photometric),
            (273, 4, 1, None), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(body))]
    if extra is not None:
        tags.append((338, 3, 1, extra))
    depths_at = 8 + 2 + 12 * len(tags) + 4
    pixels_at = depths_at + 2 * channels
    table = b""
    for tag, kind_of, count, value in tags:
        if tag == 258 and channels > 2:
            value, pack = depths_at, "I"
        else:
            value = {258: bits, 273: pixels_at}.get(tag, value)
            pack = "H" if kind_of == 3 else "I"
        if tag == 258 and channels == 2:
            packed = struct.pack(order + "HH", bits, bits)
        else:
            packed = struct.pack(order + pack, value).ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind_of, count) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    depths = struct.pack(order + "H", bits) * channels
    return head + struct.pack(order + "H", len(tags)) + table + b"\0\0\0\0" + depths + body


def tiffs(colour, alpha, wide):
    rgb, grey = Image.fromarray(colour), Image.fromarray(colour).convert("L")
    rgba = np.dstack([colour, alpha])
    keep("rgb.tif", tiff(colour), colour)
    keep("big_endian.tif", tiff(colour, ">"), colour)
    keep("alpha.tif", tiff(rgba, extra=2), on_white(rgba))
    premultiplied = (colour.astype(int) * alpha[..., None] + 127) // 255
    keep("premultiplied.tif", tiff(np.dstack([premultiplied, alpha]), extra=1), premultiplied + 255 - alpha[..., None])
    keep("rgb_16.tif", tiff(wide[..., :3], bits=16), to_8_bit(wide[..., :3]))
    keep("grey_16.tif", tiff(wide[..., :1], ">", 1, bits=16), np.repeat(to_8_bit(wide[..., :1]), 3, -1))
    keep("deflate.tif", saved(rgb, format="TIFF", compression="tiff_adobe_deflate"), colour)
    keep("lzw.tif", saved(grey, format="TIFF", compression="tiff_lzw"), np.asarray(grey.convert("RGB")))
    keep("fax.tif", saved(grey.convert("1"), format="TIFF", compression="group4"), np.asarray(grey.convert("1").convert("RGB")))
    palette = rgb.quantize(13)
    keep("palette.tif", saved(palette, format="TIFF"), np.asarray(palette.convert("RGB")))
    keep("big.tif", saved(rgb, format="TIFF", big_tiff=True), colour)
    cmyk = np.asarray(rgb.convert("CMYK")).copy()
    cmyk[..., 3] = alpha // 3
    inks = cmyk.astype(int)
    keep("cmyk.tif", tiff(cmyk, photometric=5), (255 - inks[..., 3:]) * (255 - inks[..., :3]) / 255)
    jpeg = saved(rgb, format="TIFF", compression="jpeg", quality=92)
    keep("jpeg.tif", jpeg, opened(jpeg))
    plain = scratch("plain.tif", tiff(colour))
    keep("tiled.tif", made(["tiffcp", "-t", "-w", "16", "-l", "16", "-c", "zip", plain, "OUT"], "tif"), colour)
    keep("planes.tif", made(["tiffcp", "-p", "separate", "-c", "lzw", plain, "OUT"], "tif"), colour)
    grey_alpha = np.dstack([wide[..., 0], 65535 - wide[..., 3]])
    keep("grey_alpha_16.tif", tiff(grey_alpha, photometric=1, extra=2, bits=16), on_white(to_8_bit(grey_alpha)))
    keep("white_is_zero_16.tif", tiff(65535 - wide[..., :1], photometric=0, bits=16), np.repeat(to_8_bit(wide[..., :1]), 3, -1))
    wide_grey = scratch("grey.tif", tiff(wide[..., :1], photometric=1, bits=16))
    tiles = made(["tiffcp", "-t", "-w", "16", "-l", "16", wide_grey, "OUT"], "tif")
    keep("tiled_16.tif", tiles, np.repeat(to_8_bit(wide[..., :1]), 3, -1))
    for orientation in range(2, 9):
        keep(f"orientation_{orientation}.tif", saved(rgb, format="TIFF", tiffinfo={274: orientation}), turned(colour, orientation))
    (FOLDER / "many_samples.tif").write_bytes(tiff(np.tile(colour, 3)))
    (FOLDER / "floats.tif").write_bytes(saved(Image.fromarray(colour[..., 0].astype(np.float32)), format="TIFF"))


def avifs(colour, alpha, wide):
    rgb = Image.fromarray(colour)
    for name, options in [("lossy.avif", {"quality": 80}), ("full.avif", {"quality": 95, "subsampling": "4:4:4"}),
                          ("half.avif", {"quality": 80, "subsampling": "4:2:2"})]:
        file = saved(rgb, format="AVIF", **options)
        keep(name, file, opened(file))
    grey = saved(rgb.convert("L"), format="AVIF", subsampling="4:0:0", quality=90)
    keep("grey.avif", grey, opened(grey))
    rgba = saved(Image.fromarray(np.dstack([colour, alpha])), format="AVIF", quality=90, subsampling="4:4:4")
    keep("alpha.avif", rgba, on_white(opened(rgba, "RGBA")))
    source = scratch("wide.png", png(wide[..., :3], 2, 16))
    ten = made(["avifenc", "-d", "10", "-y", "444", "--min", "4", "--max", "8", source, "OUT"], "avif")
    keep("ten_bits.avif", ten, opened(ten))

    source = scratch("rgb.png", saved(rgb, format="PNG"))
    encode = ["avifenc", "-y", "444", "-s", "8", "--min", "4", "--max", "8"]
    plain = opened(made([*encode, source, "OUT"], "avif"))
    for angle in range(4):
        for mode in (None, 0, 1):
            if angle == 0 and mode is None:
                continue
            words = (["--irot", angle] if angle else []) + (["--imir", mode] if mode is not None else [])
            upright = np.rot90(plain, angle)
            upright = {None: upright, 0: upright[::-1], 1: upright[:, ::-1]}[mode]
            keep(f"turned_{angle}{'' if mode is None else mode}.avif", made([*encode, *words, source, "OUT"], "avif"), upright)
    keep("cut.avif", made([*encode, "--crop", "4,3,20,11", source, "OUT"], "avif"), plain[3:14, 4:24])
    cells = [scratch(f"cell{i}.png", saved(Image.fromarray(np.tile(colour, (4, 3, 1))[:64, :64]), format="PNG")) for i in range(2)]
    (FOLDER / "grid.avif").write_bytes(made([*encode, "--grid", "2x1", *cells, "OUT"], "avif"))
    (FOLDER / "animated.avif").write_bytes(saved(rgb, format="AVIF", save_all=True, append_images=[ImageOps.mirror(rgb)]))


def jxls(colour, alpha, wide):
    rgb = Image.fromarray(colour)

    def encoded(picture, *options):
        return made(["cjxl", scratch("in.png", picture), "OUT", *options], "jxl")

    def read_back(file_bytes):
        return opened(made(["djxl", scratch("in.jxl", file_bytes), "OUT"], "png"))

    plain = saved(rgb, format="PNG")
    keep("lossless.jxl", encoded(plain, "-d", "0"), colour)
    keep("boxed.jxl", encoded(plain, "-d", "0", "--container=1"), colour)
    keep("wide.jxl", encoded(png(wide[..., :3], 2, 16), "-d", "0"), to_8_bit(wide[..., :3]))
    grey = rgb.convert("L")
    keep("grey.jxl", encoded(saved(grey, format="PNG"), "-d", "0"), np.asarray(grey.convert("RGB")))
    rgba = np.dstack([colour, alpha])
    keep("alpha.jxl", encoded(saved(Image.fromarray(rgba), format="PNG"), "-d", "0"), on_white(rgba))
    for name, options in [("lossy.jxl", ["-d", "1"]), ("progressive.jxl", ["-d", "1", "-p", "--progressive_dc=1"])]:
        file = encoded(plain, *options)
        keep(name, file, read_back(file))
    tags = Image.Exif()
    tags[0x0112] = 6
    jpeg = scratch("in.jpg", saved(rgb, format="JPEG", quality=92, exif=tags.tobytes()))
    file = made(["cjxl", jpeg, "OUT", "--lossless_jpeg=1"], "jxl")
    keep("orientation_6.jxl", file, read_back(file))
    moving = scratch("in.apng", saved(rgb, format="PNG", save_all=True, append_images=[ImageOps.mirror(rgb)]))
    (FOLDER / "animated.jxl").write_bytes(made(["cjxl", moving, "OUT", "-d", "0"], "jxl"))


def bmp(rows, width, height, bits, palette=b"", compression=0, more=b""):
    """A BMP by hand; `rows` as they stand in the file, `more` what a longer header has behind the first 40 bytes."""
    header = struct.pack("<IiiHHIIiiII", 40 + len(more), width, height, 1, bits, compression, 0, 0, 0, len(palette) // 4, 0)
    begin = 14 + len(header) + len(more) + len(palette)
    return b"BM" + struct.pack("<IHHI", begin + len(rows), 0, 0, begin) + header + more + palette + rows


def bmps(colour, alpha):
    rgb = Image.fromarray(colour)
    keep("rgb.bmp", saved(rgb, format="BMP"), colour)
    keep("grey.bmp", saved(rgb.convert("L"), format="BMP"), np.asarray(rgb.convert("L").convert("RGB")))
    keep("one_bit.bmp", saved(rgb.convert("1"), format="BMP"), np.asarray(rgb.convert("1").convert("RGB")))
    palette = rgb.quantize(13)
    keep("palette.bmp", saved(palette, format="BMP"), np.asarray(palette.convert("RGB")))
    bgr = colour[..., ::-1]
    padded = np.zeros((HEIGHT, (WIDTH * 3 + 3) // 4 * 4), np.uint8)
    padded[:, : WIDTH * 3] = bgr.reshape(HEIGHT, -1)
    keep("downwards.bmp", bmp(padded.tobytes(), WIDTH, -HEIGHT, 24), colour)
    core = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    keep("core.bmp", b"BM" + struct.pack("<IHHI", 26 + padded.size, 0, 0, 26) + core + padded[::-1].tobytes(), colour)
    unused = np.dstack([bgr, alpha])[::-1].tobytes()
    keep("unused.bmp", bmp(unused, WIDTH, HEIGHT, 32), colour)
    masks = struct.pack("<IIII", 0x000000FF, 0x0000FF00, 0x00FF0000, 0xFF000000)
    rgba = np.dstack([colour, alpha])
    keep("alpha.bmp", bmp(rgba[::-1].tobytes(), WIDTH, HEIGHT, 32, compression=3, more=masks), on_white(rgba))
    colours = np.asarray(palette.getpalette()[: 13 * 3], np.uint8).reshape(13, 3)
    index = np.asarray(palette)
    four = np.zeros((HEIGHT, 2 * ((WIDTH * 4 + 31) // 32 * 4)), np.uint8)
    four[:, :WIDTH] = index
    nibbles = four[:, ::2] << 4 | four[:, 1::2]
    table = np.dstack([colours[:, None, ::-1], np.zeros((13, 1, 1), np.uint8)]).tobytes()
    keep("four_bits.bmp", bmp(nibbles[::-1].tobytes(), WIDTH, HEIGHT, 4, table), colours[index])


def main():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    colour = np.stack([x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + 2 * y) * 3 % 256], -1).astype(np.uint8)
    colour[5:12, 8:20] = (200, 40, 30)
    alpha = ((x * 7 + y * 11) % 256).astype(np.uint8)
    wide = np.dstack([colour, alpha]).astype(np.int64) * 256 + (x * 31 + y * 17)[..., None] % 256
    tiffs(colour, alpha, wide)
    avifs(colour, alpha, wide)
    jxls(colour, alpha, wide)
    bmps(colour, alpha)


if __name__ == "__main__":
    main()
