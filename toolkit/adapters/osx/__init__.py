"""OSX, the recovery of the paper: our own implementation of its inference.

Each person of a track is cut out of the frame around their box and looked at; people of many frames
go through the network together.
"""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch

from toolkit import models
from toolkit.adapters.checkpoint import pick_device, report_lack_of_memory
from toolkit.adapters.osx.network import IMAGE_HW, Bodies
from toolkit.adapters.osx.weights import load_network
from toolkit.frames import FrameStore
from toolkit.m2m.smooth import smooth_rotations
from toolkit.m2m.types import Array, BodyMotion, Camera, Track
from toolkit.m2m.virtual_camera import camera_of_box

_MARGIN = 1.25
_NUM_AT_ONCE = 8


class OsxRecoverer:
    """Implements ``toolkit.m2m.types.Recoverer``: poses of single frames, not smoothed.

    The shape that is recovered is dropped (betas are zero), and so are jaw and expression.
    """

    models: tuple[str, ...] = ("osx_l",)

    def __init__(self) -> None:
        self._device = pick_device()
        self._network = load_network(models.locate(self.models[0])).to(self._device)

    def recover(
        self,
        track: Track,
        camera: Camera,
        fps: float,  # noqa: ARG002 - frames are looked at one by one
        frames: FrameStore,
    ) -> BodyMotion | None:
        """Return the motion of one person, in a camera of its own for each frame.

        Raises:
            BackendError: the graphics card has too little memory.
        """
        frames_T = np.array(sorted(track.frames))
        if not len(frames_T):
            return None
        boxes_T4 = np.stack(
            [fit_box(track.frames[i].box_xyxy, camera.fy / camera.fx) for i in frames_T.tolist()]
        )
        found = list(self._look(frames, frames_T, boxes_T4))

        def gather(name: str) -> Array:
            return np.concatenate([getattr(bodies, name).cpu().numpy() for bodies in found])

        return BodyMotion(
            track_id=track.track_id,
            frames_T=frames_T,
            global_orient_T3=gather("root_pose"),
            body_pose_T63=gather("body_pose"),
            left_hand_pose_T45=gather("left_hand_pose"),
            right_hand_pose_T45=gather("right_hand_pose"),
            betas_10=np.zeros(10),
            transl_T3=gather("translation"),
            observed_TJ=np.ones((len(frames_T), 22), bool),
            cameras_T4=np.stack([camera_of_box(box_xywh) for box_xywh in boxes_T4]),
        )

    def _look(self, frames: FrameStore, frames_T: Array, boxes_T4: Array) -> Iterator[Bodies]:
        for start in range(0, len(frames_T), _NUM_AT_ONCE):
            part = slice(start, start + _NUM_AT_ONCE)
            crops = [
                cut_out(frames[index], box)
                for index, box in zip(frames_T[part].tolist(), boxes_T4[part], strict=True)
            ]
            images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
            with torch.inference_mode(), report_lack_of_memory("OSX"):
                found = self._network(images.to(self._device).float() / 255)
            yield found


class SmoothOsxRecoverer(OsxRecoverer):
    """The same with poses smoothed over time; where people are is left as it was recovered."""

    def recover(
        self, track: Track, camera: Camera, fps: float, frames: FrameStore
    ) -> BodyMotion | None:
        """Return the motion of one person, as ``OsxRecoverer`` does."""
        motion = super().recover(track, camera, fps, frames)
        if motion is None:
            return None

        def smooth(rotvecs_TN: Array) -> Array:
            return smooth_rotations(rotvecs_TN, motion.frames_T, fps)

        return replace(
            motion,
            global_orient_T3=smooth(motion.global_orient_T3),
            body_pose_T63=smooth(motion.body_pose_T63),
            left_hand_pose_T45=smooth(motion.left_hand_pose_T45),
            right_hand_pose_T45=smooth(motion.right_hand_pose_T45),
        )


def fit_box(box_xyxy: Array, pixel_aspect: float) -> Array:
    """Return the part of the frame that is looked at: x, y, width, height px, 3 : 4 as seen."""
    x0, y0, x1, y1 = np.asarray(box_xyxy, float)
    wanted = IMAGE_HW[1] / IMAGE_HW[0] / pixel_aspect  # width over height, in pixels
    width = max(x1 - x0, (y1 - y0) * wanted, 1.0) * _MARGIN
    height = width / wanted
    return np.array(((x0 + x1 - width) / 2, (y0 + y1 - height) / 2, width, height))


def cut_out(frame_HWC: Array, box_xywh: Array) -> Array:
    """Return [512, 384, 3] uint8 of a box of a frame, black beyond it."""
    x, y, width, height = box_xywh
    scale_x, scale_y = IMAGE_HW[1] / width, IMAGE_HW[0] / height
    matrix_23 = np.array(
        (
            (scale_x, 0, (0.5 - x) * scale_x - 0.5),
            (0, scale_y, (0.5 - y) * scale_y - 0.5),
        )
    )
    crop: Array = cv2.warpAffine(frame_HWC, matrix_23, IMAGE_HW[::-1], flags=cv2.INTER_LINEAR)
    return crop
