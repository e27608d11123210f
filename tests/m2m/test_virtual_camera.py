"""Bodies of virtual cameras land where those put them, and the nearer is nearer."""

from collections.abc import Iterator

import numpy as np
import pytest

from toolkit.adapters.pyrender import PyrenderRenderer
from toolkit.anonymize import meshes_of_frames
from toolkit.m2m.types import BodyMotion, Camera, Mesh
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


class _Boards:
    """A body that is a board as tall as a person, in the colour of its track."""

    def meshes(self, motion: BodyMotion) -> Iterator[Mesh]:
        corners_V3 = np.array([[x, y, 0] for y in (-0.9, 0.9) for x in (-0.3, 0.3)])
        faces_F3 = np.array([[0, 1, 2], [1, 3, 2], [2, 1, 0], [2, 3, 1]], np.int32)
        colors_V3 = np.full((4, 3), 40 if motion.track_id else 220, np.uint8)
        for transl_3 in motion.transl_T3:
            yield Mesh((corners_V3 + transl_3).astype(np.float32), faces_F3, colors_V3)


def _walk(track_id: int, boxes_T4: np.ndarray) -> BodyMotion:
    """Return a person as OSX recovers one: at the same depth of their own camera, whatever box."""
    num_frames = len(boxes_T4)
    zeros_T3 = np.zeros((num_frames, 3))
    return BodyMotion(
        track_id=track_id,
        frames_T=np.arange(num_frames),
        global_orient_T3=zeros_T3,
        body_pose_T63=np.zeros((num_frames, 63)),
        left_hand_pose_T45=np.zeros((num_frames, 45)),
        right_hand_pose_T45=np.zeros((num_frames, 45)),
        betas_10=np.zeros(10),
        transl_T3=zeros_T3 + np.array((0, 0, 42)),
        observed_TJ=np.ones((num_frames, 22), bool),
        cameras_T4=np.stack([camera_of_box(box) for box in boxes_T4]),
    )


@pytest.mark.parametrize("first", [0, 1])
def test_whoever_is_larger_in_the_frame_is_drawn_before_the_other(first: int) -> None:
    """In whichever order they come; and when one walks up from behind, they change places."""
    clip = Camera.for_frame(432, 240, 1.0)
    stays_T4 = np.array([[150.0, 20, 120, 160], [150, 20, 120, 160]])
    comes_T4 = np.array([[180.0, 60, 60, 80], [120, 0, 180, 240]])
    walks = [_walk(0, stays_T4), _walk(1, comes_T4)]
    if first:
        walks.reverse()
    renderer = PyrenderRenderer(clip)
    shown = []
    for meshes in meshes_of_frames(_Boards(), walks, 2, clip):
        picture_HW4, _ = renderer.render(meshes)
        assert picture_HW4[100, 210, 3] == 255
        shown.append(int(picture_HW4[100, 210, 0]))
    assert shown[0] > 2 * shown[1]  # the bright one stays, the dark one comes
