"""Headless rendering with pyrender on EGL: one renderer and one scene for a whole clip.

The light is computed here, once a vertex, and pyrender draws the colours as they are: the meshes
are finer than the pixels, and its own lighting takes twice as long on a software driver.
"""

import os
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from toolkit.errors import BackendError
from toolkit.m2m.types import Array, Camera, Mesh

_NO_EGL = (
    "pyrender cannot open EGL: headless rendering needs the Debian packages libegl1 libgl1 "
    "libgl1-mesa-dri libgles2 libxrender1 ({error}): install them, then run  m2m doctor"
)
os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # read when pyrender is imported
try:
    import pyrender
except ModuleNotFoundError:
    raise
except (ImportError, AttributeError, OSError) as error:
    raise BackendError(_NO_EGL.format(error=error)) from error

_AMBIENT = 0.25
_LIGHTS = (((-0.5, -0.7, -0.6), 0.65), ((0.9, -0.1, -0.5), 0.20))
"""Key from the upper left, fill from the right: direction to the light in the camera, power."""
_NEAR_M, _FAR_M = 0.05, 1000.0
_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_GAMMA = 2.2


class PyrenderRenderer:
    """Draws meshes through one camera, with four samples a pixel.

    Raises:
        BackendError: the machine has no working EGL.
    """

    def __init__(self, camera: Camera) -> None:
        try:
            self._renderer = pyrender.OffscreenRenderer(camera.width, camera.height)
        except Exception as error:
            raise BackendError(_NO_EGL.format(error=type(error).__name__)) from error
        self._scene = pyrender.Scene(bg_color=np.zeros(4))
        lens = pyrender.IntrinsicsCamera(
            camera.fx, camera.fy, camera.cx, camera.cy, znear=_NEAR_M, zfar=_FAR_M
        )
        self._scene.add(lens, pose=_OPENGL_FROM_OPENCV)
        self._corners: dict[int, tuple[Array, csr_array]] = {}

    def render(self, meshes: Sequence[Mesh]) -> tuple[Array, Array]:
        """Return colour [H, W, 4] uint8 RGBA (alpha is coverage) and depth [H, W] m (0: empty)."""
        nodes = [self._scene.add(self._shade(mesh)) for mesh in meshes]
        flags = pyrender.RenderFlags.RGBA | pyrender.RenderFlags.FLAT
        colour_HWC, depth_HW = self._renderer.render(self._scene, flags)
        for node in nodes:
            self._scene.remove_node(node)
        # Samples that hit nothing are black: divide the colour by the coverage.
        alpha = np.maximum(colour_HWC[..., 3:], 1).astype(np.uint16)
        rgb = np.minimum((colour_HWC[..., :3] * np.uint16(255) + alpha // 2) // alpha, 255)
        rgba_HWC = np.concatenate([rgb.astype(np.uint8), colour_HWC[..., 3:]], axis=-1)
        return rgba_HWC, np.ascontiguousarray(depth_HW)

    def close(self) -> None:
        """Free the OpenGL context; the renderer cannot be used afterwards."""
        self._renderer.delete()

    def _shade(self, mesh: Mesh) -> "pyrender.Mesh":
        """The mesh with each vertex in the colour in which it is seen."""
        normals_V3 = self._normals(mesh)
        light_V = np.full(len(normals_V3), _AMBIENT, np.float32)
        for direction, power in _LIGHTS:
            toward_3 = np.array(direction, np.float32) / np.float32(np.linalg.norm(direction))
            light_V += power * np.maximum(normals_V3 @ toward_3, 0)
        colors_V4 = np.ones((len(normals_V3), 4), np.float32)
        colors_V4[:, :3] = mesh.vertex_colors_V3 * (light_V ** (1 / _GAMMA) / 255)[:, None]
        primitive = pyrender.Primitive(mesh.vertices_V3, color_0=colors_V4, indices=mesh.faces_F3)
        return pyrender.Mesh([primitive])

    def _normals(self, mesh: Mesh) -> Array:
        """Unit normals [V, 3] of the vertices, faces weighted by area."""
        key = id(mesh.faces_F3)
        if key not in self._corners:
            num_faces = len(mesh.faces_F3)
            ends = (mesh.faces_F3.ravel(), np.arange(3 * num_faces) // 3)
            ones = np.ones(3 * num_faces, np.float32)
            corners_VF = csr_array((ones, ends), shape=(len(mesh.vertices_V3), num_faces))
            self._corners[key] = mesh.faces_F3, corners_VF  # the faces are held: their id stays
        _, corners_VF = self._corners[key]
        a, b, c = (mesh.vertices_V3[mesh.faces_F3[:, i]] for i in range(3))
        normals_V3 = corners_VF @ np.cross(b - a, c - a)
        lengths_V1 = np.linalg.norm(normals_V3, axis=1, keepdims=True)
        return np.asarray(normals_V3 / np.maximum(lengths_V1, 1e-12))
