"""Reads a 3D model (Wavefront .obj and .mtl) of a Sweet Home 3D catalogue into arrays. Needs numpy.

The normals are made here: two models of three have none, and the others' are not always right.
"""

import dataclasses
import math
import re

import numpy as np

SMOOTH = math.cos(math.radians(50))  # faces that meet at less are one curved surface
LARGEST_FILE = 64 << 20  # bytes


@dataclasses.dataclass
class Material:
    diffuse: tuple = (0.7, 0.7, 0.7)
    specular: float = 0.0
    shininess: float = 10.0
    opacity: float = 1.0
    emission: float = 0.0
    texture: str = ""


@dataclasses.dataclass
class Part:
    """The faces of one material: for each corner a point, a normal and a texture coordinate."""
    material: Material
    sizes: np.ndarray     # int [faces]: corners of each
    points: np.ndarray    # float32 [corners, 3]
    normals: np.ndarray   # float32 [corners, 3]
    textured: np.ndarray  # float32 [corners, 2]


def read_materials(text):
    """{name: Material} of a .mtl file; what it says oddly is left at its default."""
    materials, current = {}, Material()
    for line in text.splitlines():
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        value = value.strip()
        try:
            if key == "newmtl":
                current = materials[value] = Material()
            elif key == "Kd":
                current.diffuse = tuple(min(max(float(part), 0.0), 1.0) for part in value.split()[:3])
            elif key == "Ks":
                current.specular = min(max(sum(map(float, value.split()[:3])) / 3, 0.0), 1.0)
            elif key == "Ke":
                current.emission = min(max(sum(map(float, value.split()[:3])) / 3, 0.0), 1.0)
            elif key == "Ns":
                current.shininess = float(value)
            elif key == "d":
                current.opacity = min(max(float(value.split()[-1]), 0.0), 1.0)
            elif key == "map_Kd":
                current.texture = value
        except (ValueError, IndexError):
            pass
    return materials


def read_object(text):
    """Points [v, 3], texture coordinates [t, 2], and {material: (corners of each face, their points, their coordinates)}."""
    points, coordinates, faces, current = [], [], {}, None
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append(words[1:4])
        elif words[0] == "vt":
            coordinates.append(words[1:3])
        elif words[0] == "usemtl":
            current = faces.setdefault(line.strip()[6:].strip(), ([], [], []))
        elif words[0] == "f" and len(words) > 3:
            if current is None:
                current = faces.setdefault("", ([], [], []))
            current[0].append(len(words) - 1)
            for corner in words[1:]:
                indices = corner.split("/")
                point = int(indices[0])
                current[1].append(point - 1 if point > 0 else len(points) + point)
                coordinate = int(indices[1]) if len(indices) > 1 and indices[1] else 0
                current[2].append(coordinate - 1 if coordinate >= 0 else len(coordinates) + coordinate)
    return (np.array(points, np.float64).reshape(-1, 3), np.array(coordinates, np.float64).reshape(-1, 2),
            {name: tuple(np.array(column, np.int64) for column in face) for name, face in faces.items() if face[0]})


def face_normals(points, sizes):
    """Area vectors [faces, 3] by Newell's sums over each face's corners; points [corners, 3]."""
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    following = np.arange(1, len(points) + 1)
    following[first + sizes - 1] = first
    centre = np.repeat(points[first], sizes, axis=0)  # keeps the digits of small faces far from the origin
    return 0.5 * np.add.reduceat(np.cross(points - centre, points[following] - centre), first, axis=0)


def smooth_normals(points, sizes):
    """Unit normals [corners, 3]: each corner's is the mean of the faces around its point that meet its own at less than
    SMOOTH, weighted by area. Faces that were wound the other way count turned around."""
    area = face_normals(points, sizes)
    length = np.linalg.norm(area, axis=1, keepdims=True)
    unit = np.divide(area, length, out=np.zeros_like(area), where=length > 0)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    extent = np.ptp(points, axis=0).max() or 1.0
    grid = np.round((points - points.min(axis=0)) / extent * 1e6).astype(np.int64)  # one millionth: the same place
    place = (grid[:, 0] << 40) | (grid[:, 1] << 20) | grid[:, 2]
    order = np.argsort(place, kind="stable")
    place = place[order]
    result = unit[owner]
    total = np.zeros_like(result)
    # Every pair of corners at one place, by their distance in the sorted order; far ones (a fan's hub) are left out.
    for step in range(-24, 25):
        here = np.arange(max(0, -step), len(order) - max(0, step))
        here = here[place[here] == place[here + step]]
        if not len(here):
            continue
        mine, other = owner[order[here]], owner[order[here + step]]
        cosine = np.einsum("ij,ij->i", unit[mine], unit[other])
        weight = np.where(np.abs(cosine) > SMOOTH, np.sign(cosine), 0.0)
        total[order[here]] += weight[:, None] * area[other]
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1), result)


def build(points, coordinates, faces, materials, rotation, size):
    """Parts of the model: turned by `rotation` [3, 3], its box stretched to `size` (x, y, z, centimetres), centred at 0."""
    if not faces:
        raise ValueError("the model has no faces")
    sizes = np.concatenate([face[0] for face in faces.values()])
    corners = np.concatenate([face[1] for face in faces.values()])
    if corners.min() < 0 or corners.max() >= len(points):
        raise ValueError("a face names a point that there is not")
    placed = points[corners] @ np.array(rotation, np.float64).T
    low, high = placed.min(axis=0), placed.max(axis=0)
    placed = (placed - (low + high) / 2) * (np.array(size) / np.where(high > low, high - low, 1))
    if not np.isfinite(placed).all():
        raise ValueError("a point is no number")
    normals = smooth_normals(placed, sizes)
    parts, corner = [], 0
    for name, (counts, indices, textured) in faces.items():
        own = slice(corner, corner + len(indices))
        corner = own.stop
        known = (textured >= 0) & (textured < len(coordinates))
        where = coordinates[np.where(known, textured, 0)] if len(coordinates) else np.zeros((len(indices), 2))
        where = np.where(known[:, None], where, 0.0)
        parts.append(Part(materials.get(name, Material()), counts, placed[own].astype(np.float32),
                          normals[own].astype(np.float32), where.astype(np.float32)))
    return parts


def read_member(archive, name):
    """Bytes of a file in the package; KeyError when it has none of that name."""
    member = archive.getinfo(name)
    if member.file_size > LARGEST_FILE:
        raise ValueError(f"{name} is larger than {LARGEST_FILE >> 20} MiB")
    return archive.read(member)


def read_model(archive, properties):
    """The parts of a piece, from its catalogue's properties, and the folder that its textures are in."""
    model = properties["model"].lstrip("/")
    folder = model.rpartition("/")[0]
    text = read_member(archive, model).decode("latin-1")
    named = re.search(r"^mtllib\s+(.*?)\s*$", text, re.MULTILINE)
    beside = sorted(name for name in archive.namelist() if name.startswith(folder + "/") and name.endswith(".mtl"))
    materials = f"{folder}/{named[1]}" if named else ""
    if materials not in beside and beside:  # some were renamed
        materials = beside[0]
    materials = read_materials(read_member(archive, materials).decode("latin-1")) if beside else {}
    rotation = [float(number) for number in properties.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
    size = [float(properties[key]) for key in ("width", "height", "depth")]
    parts = build(*read_object(text), materials, np.reshape(rotation, (3, 3)), size)
    return parts, folder
