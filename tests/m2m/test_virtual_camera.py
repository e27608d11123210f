"""Bodies of virtual cameras land where those put them, and the nearer is nearer."""

import numpy as np
import pytest

from toolkit.m2m.types import Camera
from toolkit.m2m.virtual_camera import camera_of_box, to_clip_camera


def project(points_N3: np.ndarray, camera_4: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Return the pixels [N, 2] of points."""
    fx, fy, cx, cy = camera_4
    x, y, z = points_N3.T
    return np.stack((fx * x / z + cx, fy * y / z + cy), 1)


@pytest.mark.parametrize("pixel_aspect", [1.0, 1.42])
@pytest.mark.parametrize("corner", [(-40, -30), (150, 60), (360, 200)])
def test_points_land_where_the_virtual_camera_puts_them(corner, pixel_aspect):
    """For boxes anywhere in the frame and beyond it, and for stretched pixels."""
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(137, 3)) * 0.5 + [0.1, -0.2, 25]
    box = np.array((*corner, 75 / pixel_aspect, 100.0))
    clip = Camera.for_frame(432, 240, pixel_aspect)
    moved = to_clip_camera(joints, camera_of_box(box), clip)
    # OSX's own: into the crop of 192 x 256, and from there into the frame.
    crop = project(joints, (5000, 5000, 96, 128))
    official = crop / (192, 256) * box[2:] + box[:2]
    ours = project(moved, (clip.fx, clip.fy, clip.cx, clip.cy))
    assert np.abs(ours - official).max() < 1e-6


def test_of_two_people_the_nearer_is_nearer():
    """The same depth in the own camera of a large and of a small box is not the same depth."""
    clip = Camera.for_frame(432, 240, 1.0)
    body = np.array([[0.0, 0, 25], [0.3, 0.5, 25.2]])
    near = to_clip_camera(body, camera_of_box(np.array((100, 20, 150.0, 200))), clip)
    far = to_clip_camera(body, camera_of_box(np.array((200, 80, 75.0, 100))), clip)
    assert np.allclose(far[:, 2], 2 * near[:, 2])
    assert near[1, 2] > near[0, 2]
