"""Rendering on EGL."""

import os
import subprocess
import sys

import numpy as np
import pytest

from toolkit.errors import BackendError
from toolkit.m2m.types import Camera, Mesh

try:
    from toolkit.adapters.pyrender import PyrenderRenderer
except (ModuleNotFoundError, BackendError) as error:
    pytest.skip(f"needs pyrender and EGL: {error}", allow_module_level=True)

CAMERA = Camera(fx=80.0, fy=100.0, cx=32.0, cy=24.0, width=64, height=48)
RED, BLUE = (200, 40, 40), (40, 40, 200)


@pytest.fixture(scope="module")
def renderer():
    """One renderer for all tests, as for all frames of a clip."""
    renderer = PyrenderRenderer(CAMERA)
    yield renderer
    renderer.close()


def square(x: float, y: float, z: float, half: float, colour: tuple[int, int, int]) -> Mesh:
    """A square that faces the camera."""
    corners = [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]
    vertices = np.array(corners, np.float32) + np.array([x, y, z], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    return Mesh(vertices, faces, np.full((4, 3), colour, np.uint8))


def test_a_mesh_is_drawn_where_the_camera_sees_it(renderer):
    """Camera axes are OpenCV's, and fx differs from fy."""
    rgba, depth = renderer.render([square(0.2, -0.1, 2.0, 0.1, RED)])
    rows, columns = np.nonzero(depth)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((40.0, 19.0), abs=0.6)
    assert np.ptp(columns) + 1 == pytest.approx(8, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(10, abs=1)
    assert depth.max() == pytest.approx(2.0, abs=0.01)
    assert rgba.shape == (48, 64, 4)
    assert rgba.dtype == np.uint8


def test_the_nearer_covers_the_farther_in_any_order(renderer):
    """One scene for all people."""
    near, far = square(0, 0, 2.0, 0.1, RED), square(0, 0, 3.0, 0.3, BLUE)
    for meshes in ([near, far], [far, near]):
        rgba, depth = renderer.render(meshes)
        assert rgba[24, 32, 0] > rgba[24, 32, 2]
        assert depth[24, 32] == pytest.approx(2.0, abs=0.01)
        assert rgba[17, 32, 2] > rgba[17, 32, 0]


def test_edges_are_soft_and_not_darkened(renderer):
    """A pixel that is partly covered has the mesh's full colour and a partial alpha."""
    rgba, _ = renderer.render([square(0.003, 0.003, 2.0, 0.2, RED)])
    middle = rgba[24, 32].astype(int)
    alpha = rgba[..., 3]
    partial = (alpha > 0) & (alpha < 255)
    assert partial.any()
    assert middle[3] == 255
    assert np.abs(rgba[partial][:, :3] - middle[:3]).max() <= 4


def test_no_people_is_an_empty_picture(renderer):
    """Nothing left over from the frame before."""
    renderer.render([square(0, 0, 2.0, 0.1, RED)])
    rgba, depth = renderer.render([])
    assert not rgba.any()
    assert not depth.any()


def test_pixels_are_the_same_every_time(renderer):
    """The same meshes give the same bytes, also in a new renderer."""
    meshes = [square(0.1, 0, 2.0, 0.123, RED), square(-0.1, 0, 3.0, 0.3, BLUE)]
    first, _ = renderer.render(meshes)
    again, _ = renderer.render(meshes)
    assert np.array_equal(first, again)


def test_missing_egl_names_the_packages():
    """Without EGL the message says what to install."""
    code = (
        "import ctypes.util, ctypes\n"
        "real = ctypes.CDLL.__init__\n"
        "def refuse(self, name, *args, **kwargs):\n"
        "    if name and 'EGL' in str(name): raise OSError('no EGL')\n"
        "    return real(self, name, *args, **kwargs)\n"
        "ctypes.CDLL.__init__ = refuse\n"
        "from toolkit.errors import BackendError\n"
        "try:\n"
        "    from toolkit.adapters.pyrender import PyrenderRenderer\n"
        "    from toolkit.m2m.types import Camera\n"
        "    PyrenderRenderer(Camera(1, 1, 1, 1, 2, 2))\n"
        "except BackendError as error:\n"
        "    print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert "libegl1" in found.stdout, found.stderr
    assert "m2m doctor" in found.stdout
