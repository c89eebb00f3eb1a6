"""Photographs a 3D model as a catalogue would, off-screen with VTK: picture, depth and outline.

The piece stands on a turntable before a white wall and the lights are fixed to the camera, so every side is lit alike.
Used by furniture_views.py. Needs vtk, numpy and pillow.
"""

import functools
import io
import math
import zipfile

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 (registers the OpenGL classes)
from PIL import Image
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkFloatArray, vtkLogger, vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkTriangleFilter
from vtkmodules.vtkRenderingCore import vtkActor, vtkLight, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkTexture

import obj_model

vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)  # VTK complains of each display that is not there

LARGEST_TEXTURE = 1024  # pixels an edge: more than a view can show


def texture_of(archive, name):
    """A picture of the package, or None where it lacks it: some materials name files of their authors' disks."""
    try:
        picture = Image.open(io.BytesIO(obj_model.read_member(archive, name)))
        picture.thumbnail((LARGEST_TEXTURE, LARGEST_TEXTURE))
        transparent = "A" in picture.getbands() or "transparency" in picture.info
        pixels = np.array(picture.convert("RGBA" if transparent else "RGB"))
    except (KeyError, OSError):
        return None
    pixels[:, :, :3] = levels((pixels[:, :, :3] / 255) ** GAMMA)  # lit evenly, it comes out as it is
    image = vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    rows = np.ascontiguousarray(pixels[::-1]).reshape(-1, pixels.shape[2])  # VTK's first row is the lowest
    image.GetPointData().SetScalars(numpy_to_vtk(rows, deep=True))
    texture = vtkTexture()
    texture.SetInputData(image)
    texture.InterpolateOn()
    texture.MipmapOn()
    texture.RepeatOn()
    return texture


def mesh_of(part):
    """Triangles with normals and texture coordinates; concave faces are cut by their ears."""
    points = vtkPoints()
    points.SetData(numpy_to_vtk(part.points, deep=True))
    normals, textured = numpy_to_vtk(part.normals, deep=True), numpy_to_vtk(part.textured, deep=True)
    normals.SetName("normals")
    textured.SetName("textured")
    offsets = np.concatenate([[0], np.cumsum(part.sizes)])
    cells = vtkCellArray()
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(np.arange(offsets[-1]), deep=True))
    polygons = vtkPolyData()
    polygons.SetPoints(points)
    polygons.SetPolys(cells)
    polygons.GetPointData().SetNormals(normals)
    polygons.GetPointData().SetTCoords(textured)
    triangles = vtkTriangleFilter()
    triangles.SetInputData(polygons)
    triangles.Update()
    return triangles.GetOutput()


# Direction (to the camera's right, up, towards it) and strength of each light: key, fill, from above, from the camera.
LIGHTS = [((-0.6, 0.8, 0.9), 0.50), ((0.9, 0.2, 0.8), 0.30), ((0.1, 1.0, 0.1), 0.20), ((0.0, 0.0, 1.0), 0.12)]
AMBIENT = 0.30
FIELD = 20.0  # degrees: the camera's field of view, that of a lens of 100 mm
FILLED = 0.92  # of the picture's edge, by the piece
FARTHEST = 40  # the depth picture's value of the farthest point
CREASE = math.cos(math.radians(28))  # faces that meet at more are drawn as a line
STEP = 0.012  # of the piece's extent: a step in depth that is drawn as a line
BLACKEST, WHITEST = 0.04, 0.95  # what paint reflects
BRIGHTER = 1.25  # plain colours, and GAMMA lifts shadows: after the package's own icons
GAMMA = 1.35
SHADE = 0.6  # strength of the shading in corners and gaps
OVERSAMPLED = 3  # pixels rendered an edge for each of the picture's

# What the second exposure writes instead of colours: the normal (its third component follows) and the material's number.
GEOMETRY = "fragOutput0 = vec4(0.5 + 0.5 * normalVCVSOutput.xy, {number:.6f}, 1.0);"
CUT_OUT = "if (texture(actortexture, tcoordVCVSOutput).a < 0.5) discard;"


class Studio:
    """One piece before the camera. Lives in one thread; the window goes with it."""

    def __init__(self, side):
        self.side = side
        self.rendered = side * OVERSAMPLED
        self.window = vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(self.rendered, self.rendered)
        self.picture, self.geometry = vtkRenderer(), vtkRenderer()
        self.picture.SetBackground(1, 1, 1)
        self.picture.SetUseDepthPeeling(1)
        self.picture.SetMaximumNumberOfPeels(4)
        for renderer in (self.picture, self.geometry):
            renderer.SetAutomaticLightCreation(0)
            self.window.AddRenderer(renderer)
        self.geometry.SetActiveCamera(self.picture.GetActiveCamera())
        for direction, strength in LIGHTS:
            light = vtkLight()
            light.SetLightTypeToCameraLight()
            light.SetPosition(*direction)
            light.SetFocalPoint(0, 0, 0)
            light.SetIntensity(strength)
            self.picture.AddLight(light)
            self.geometry.AddLight(light)  # without light VTK makes no normals

    def place(self, parts, texture_named):
        """`texture_named` gives a vtkTexture, or None, for a name."""
        self.points = np.concatenate([part.points for part in parts]).astype(np.float64)
        self.extent = np.ptp(self.points, axis=0).max()
        textures = {name: texture_named(name) for name in {part.material.texture for part in parts} if name}
        for number, part in enumerate(parts):
            mesh, texture = mesh_of(part), textures.get(part.material.texture)
            self.picture.AddActor(painted(mesh, part.material, texture))
            self.geometry.AddActor(measured(mesh, (number * 37 % 250 + 5) / 255, texture))

    def aim(self, azimuth, elevation):
        """Frames the piece: it stands in the middle and takes FILLED of the picture's width or height. Degrees; azimuth 0 is
        the front, 90 its own left side."""
        a, e = math.radians(azimuth), math.radians(elevation)
        back = np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])
        right = np.array([math.cos(a), 0.0, -math.sin(a)])
        up = np.cross(back, right)
        seen = self.points @ np.stack([right, up, back]).T
        # The camera (x, y, z) sees a point when |point.x - x| <= reach * (z - point.z), and likewise for y.
        def limits(axis, reach):
            along = reach * seen[:, 2]
            return (along + seen[:, axis]).max(), (along - seen[:, axis]).max()

        reach = math.tan(math.radians(FIELD / 2)) * FILLED
        z = max(sum(limits(axis, reach)) for axis in (0, 1)) / 2 / reach
        place = []
        for axis in (0, 1):
            narrow = reach  # the axis with room left: what its points reach, so that they stand in the middle
            for _ in range(4):
                high, low = limits(axis, narrow)
                narrow = (high + low) / 2 / z
            place.append((high - low) / 2)
        centre = right * place[0] + up * place[1]
        camera = self.picture.GetActiveCamera()
        camera.SetPosition(*(centre + back * z))
        camera.SetFocalPoint(*centre)
        camera.SetViewUp(*up)
        camera.SetViewAngle(FIELD)
        self.near, self.far = (z - seen[:, 2].max()) * 0.99, (z - seen[:, 2].min()) * 1.01
        camera.SetClippingRange(self.near, self.far)

    def expose(self, renderer):
        """uint8 [rendered, rendered, 3], the top row first."""
        self.picture.SetDraw(renderer is self.picture)
        self.geometry.SetDraw(renderer is self.geometry)
        self.window.Render()
        pixels = vtkUnsignedCharArray()
        self.window.GetRGBACharPixelData(0, 0, self.rendered - 1, self.rendered - 1, 0, pixels)
        return vtk_to_numpy(pixels).reshape(self.rendered, self.rendered, 4)[::-1, :, :3]

    def view(self, azimuth, elevation):
        """Picture uint8 [side, side, 3], outline and depth uint8 [side, side], share of the piece in each pixel."""
        self.aim(azimuth, elevation)
        light = pooled(np.add, self.expose(self.picture).astype(np.uint16)) / np.float32(255 * OVERSAMPLED ** 2)
        geometry = self.expose(self.geometry)
        values = vtkFloatArray()
        self.window.GetZbufferData(0, 0, self.rendered - 1, self.rendered - 1, values)
        values = vtk_to_numpy(values).reshape(self.rendered, self.rendered)[::-1]
        there = geometry[:, :, 2] > 0
        # 1 / distance: flat faces are flat in it.
        nearness = np.where(there, (1 - values) / np.float32(self.near) + values / np.float32(self.far), np.float32(0))
        lines = pooled(np.maximum, outline_of(geometry, there, nearness, self.extent))
        closest = pooled(np.maximum, nearness)
        distance = np.divide(1, closest, out=np.full_like(closest, np.inf), where=closest > 0)
        light *= occlusion_of(distance, self.extent)[:, :, None]
        share = pooled(np.add, there.astype(np.uint8)) / OVERSAMPLED ** 2
        return levels(light ** (1 / GAMMA)), levels(lines), depth_picture(distance), share


def pooled(combine, pixels):
    """[side, side, ...]: for each pixel of the picture, those that were rendered for it, combined."""
    return functools.reduce(combine, [pixels[down::OVERSAMPLED, across::OVERSAMPLED]
                                      for down in range(OVERSAMPLED) for across in range(OVERSAMPLED)])


def levels(light):
    """0..1 to 0..255."""
    return np.rint(light * np.float32(255)).astype(np.uint8)


def depth_picture(distance):
    """The nearest point 255, the farthest FARTHEST, evenly by distance in between; infinitely far: 0."""
    there = np.isfinite(distance)
    near = distance.min()
    extent = max(distance[there].max() - near, 1e-9) if there.any() else 1
    return np.where(there, 255 - (255 - FARTHEST) * np.where(there, distance - near, 0) / extent, 0).round().astype(np.uint8)


def outline_of(geometry, there, nearness, extent):
    """bool [rendered, rendered]: where the silhouette, another material, a crease or a step in depth is, one pixel wide."""
    right, up = (geometry[:, :, axis].astype(np.float32) / 127.5 - 1 for axis in (0, 1))
    towards = np.sqrt(np.maximum(0, 1 - right ** 2 - up ** 2))
    lines = np.zeros(there.shape, bool)
    for turned in (np.asarray, np.transpose):  # down the columns, along the rows
        line, here, near, part = map(turned, (lines, there, nearness, geometry[:, :, 2]))
        cosine = sum(normal[1:] * normal[:-1] for normal in map(turned, (right, up, towards)))
        edge = (part[1:] != part[:-1]) | ((cosine < CREASE) & here[1:] & here[:-1])
        line[1:] |= edge & here[1:]
        line[:-1] |= edge & here[:-1] & ~here[1:]
        bend = 2 * near[1:-1] - near[2:] - near[:-2]  # more than 0: nearer than the flat face through its neighbours
        line[1:-1] |= (bend > np.float32(STEP * extent) * near[1:-1] ** 2) & here[2:] & here[:-2]
    return lines


def occlusion_of(distance, extent):
    """float [side, side], 1 and less: the share of light that reaches a point between others that stand nearer. For each
    pair of opposite neighbours, how far the point lies behind the line between them."""
    there, side = np.isfinite(distance), len(distance)
    deep = np.where(there, distance, 0)
    hidden, pairs = np.zeros_like(distance), 0
    for radius in (2, 5, 11):  # of 256
        for turn in range(8):
            across = round(radius * side / 256 * math.cos(turn * math.pi / 8))
            down = round(radius * side / 256 * math.sin(turn * math.pi / 8))
            behind = []
            for shift in ((down, across), (-down, -across)):
                neighbour = np.where(np.roll(there, shift, (0, 1)), (deep - np.roll(deep, shift, (0, 1))), -np.inf)
                behind.append(np.clip(neighbour / (2 * extent * radius / 256), -1.5, 1.5))
            hidden += np.clip(behind[0] + behind[1], 0, 1.5)
            pairs += 1
    return np.where(there, np.maximum(1 - SHADE * hidden / pairs, 0.5), 1)


def painted(mesh, material, texture):
    """The actor of the picture."""
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(mesh)
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    brighter = min(BRIGHTER, WHITEST / max(*material.diffuse, BLACKEST))
    look.SetColor((1, 1, 1) if texture else [max(part * brighter, BLACKEST) for part in material.diffuse])
    look.SetAmbient(min(AMBIENT + material.emission, 1.0))
    look.SetDiffuse(1.0)
    look.SetSpecular(0.3 * material.specular)
    look.SetSpecularColor(1, 1, 1)
    look.SetSpecularPower(min(max(material.shininess, 5), 100))
    look.SetOpacity(max(material.opacity, 0.15))
    if texture:
        actor.SetTexture(texture)
    return actor


def measured(mesh, number, texture):
    """The actor of the second exposure; `number` tells the material, 0 to 1."""
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(mesh)
    actor = vtkActor()
    actor.SetMapper(mapper)
    shader = actor.GetShaderProperty()
    shader.AddFragmentShaderReplacement("//VTK::Light::Impl", True, GEOMETRY.format(number=number), False)
    if texture and texture.GetInput().GetNumberOfScalarComponents() == 4:
        actor.SetTexture(texture)
        actor.ForceOpaqueOn()
        shader.AddFragmentShaderReplacement("//VTK::TCoord::Impl", True, CUT_OUT, False)
    return actor


def check():
    """Ends with an exception, or with its process, where nothing can be rendered."""
    corners = np.eye(3, dtype=np.float32)
    studio = Studio(16)
    studio.place([obj_model.Part(obj_model.Material(), np.array([3]), corners, corners, corners[:, :2])], None)
    if not studio.window.SupportsOpenGL() or not studio.view(45, 30)[3].any():
        raise RuntimeError("a triangle came out blank")


def encoded(pixels, file_format, **settings):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, file_format, **settings)
    return out.getvalue()


def photograph(catalogue, properties, side, angles, make_view):
    """One make_view(files, share, contrast) for each (azimuth, elevation); files are encoded, share is that of the picture
    which the piece covers, contrast the levels between its darkest and its brightest twentieth, in the colour that has most."""
    studio = Studio(side)
    with zipfile.ZipFile(catalogue) as archive:
        parts, folder = obj_model.read_model(archive, properties)
        studio.place(parts, lambda name: texture_of(archive, f"{folder}/{name}"))
    for azimuth, elevation in angles:
        picture, outline, depth, share = studio.view(azimuth, elevation)
        inside = picture[share > 0.5]
        contrast = np.ptp(np.percentile(inside, [5, 95], axis=0), axis=0).max() if len(inside) else 0
        files = {"pictures": encoded(picture, "JPEG", quality=92), "outlines": encoded(outline, "PNG", optimize=True),
                 "depth": encoded(depth, "PNG", optimize=True)}
        yield make_view(files, float(share.mean()), float(contrast))
