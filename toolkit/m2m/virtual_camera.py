"""Bodies recovered in a camera of their own, in the camera of the clip.

OSX recovers each person in a crop, with a virtual camera of 5000 px focal length whose sensor is
the crop: people have different cameras, and depths that cannot be compared.
"""

import numpy as np

from toolkit.m2m.types import Array, Camera

FOCAL_PX = 5000.0
CROP_HW = (256, 192)
MIN_DEPTH_M = 0.01


def camera_of_box(box_xywh: Array) -> Array:
    """Return fx, fy, cx, cy px of the camera of a crop x, y, width, height px of a frame."""
    x, y, width, height = box_xywh
    return np.array(
        (
            FOCAL_PX * width / CROP_HW[1],
            FOCAL_PX * height / CROP_HW[0],
            x + width / 2,
            y + height / 2,
        )
    )


def to_clip_camera(points_N3: Array, camera_4: Array, camera: Camera) -> Array:
    """Return points of a virtual camera's space in the clip's: [N, 3] m.

    Each lands on the pixel where the virtual camera puts it. Its depth is what it is for something
    of its size in the clip's camera, so that of two people the nearer is nearer.

    Args:
        points_N3: m, x right, y down, z forward.
        camera_4: fx, fy, cx, cy px of the virtual camera.
        camera: of the clip.
    """
    fx, fy, cx, cy = camera_4
    x_N, y_N, z_N = points_N3.T
    z_N = np.maximum(z_N, MIN_DEPTH_M)
    depth_N = z_N * camera.fy / fy
    u_N, v_N = fx * x_N / z_N + cx, fy * y_N / z_N + cy
    return np.stack(
        (
            (u_N - camera.cx) / camera.fx * depth_N,
            (v_N - camera.cy) / camera.fy * depth_N,
            depth_N,
        ),
        1,
    ).astype(points_N3.dtype)
