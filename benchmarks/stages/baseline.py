"""The paper's recipe, frame by frame, from the offline profile's own networks.

Detector, segmentation, inpainting, pose, drawing: each frame by itself, as the paper's published
scripts go. Nobody is followed from frame to frame, nothing is smoothed, and a hole is filled from
its own frame. That the networks are the profile's leaves the recipe as the only difference.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from toolkit import backends, models
from toolkit.adapters.blazepose_fit import BlazePoseFit
from toolkit.adapters.detectors import NanoDet
from toolkit.adapters.landmarks import PoseLandmarker, Region
from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.masks import box_of, decode_rle, dilate, encode_rle
from toolkit.m2m.types import (
    Array,
    BodyMotion,
    Camera,
    Evidence,
    People,
    PersonFrame,
    Progress,
    Track,
)

MIN_SCORE = 0.5
"""The detector's threshold in the paper's scripts."""


class PerFrameMasker:
    """NanoDet's boxes and BlazePose's segmentation of each; the people of a frame by score."""

    models = ("nanodet", "pose_landmark_full")

    def __init__(self) -> None:
        self._detector = NanoDet(models.locate("nanodet"))
        self._landmarks = PoseLandmarker(models.locate("pose_landmark_full"))

    def find(self, frames: FrameStore, pixel_aspect: float, progress: Progress) -> People:
        """Find people in ``frames`` [T, H, W, 3]; track k holds the k-th best of every frame.

        Actors have square pixels, so ``pixel_aspect`` is not looked at.
        """
        del pixel_aspect
        tracks: dict[int, Track] = {}
        outlines, masks = FrameStore(frames.frame_shape[:2]), FrameStore(frames.frame_shape[:2])
        for index, people in enumerate(map_frames(lambda i: self._people(frames[i]), len(frames))):
            outline_HW = np.zeros(frames.frame_shape[:2], np.uint8)
            for k, person in enumerate(people):
                tracks.setdefault(k, Track(k)).frames[index] = person
                tracks[k].num_confirmed += 1
                outline_HW[decode_rle(person.mask)] = 255
            outlines.append(outline_HW)
            masks.append(dilate(outline_HW))
            progress(1)
        nothing: list[list[Evidence]] = [[] for _ in range(len(frames))]
        return People(list(tracks.values()), masks, outlines, nothing, [0.0] * len(frames))

    def _people(self, image_HWC: Array) -> list[PersonFrame]:
        people = []
        for found in self._detector.detect(image_HWC, MIN_SCORE):
            pose = self._landmarks(image_HWC, Region.around(found.box_xyxy))
            mask_HW = pose.probability_HW > 0.5
            box_xyxy = box_of(mask_HW)
            if box_xyxy is not None:
                person = (box_xyxy, encode_rle(mask_HW), pose.landmarks_K4, pose.world_K3)
                people.append(PersonFrame(*person, found.score))
        return people


class PerFrameFit:
    """The profile's pose of each frame by itself."""

    def __init__(self) -> None:
        self._fit = BlazePoseFit()

    def recover(
        self, track: Track, camera: Camera, fps: float, frames: FrameStore | None = None
    ) -> BodyMotion | None:
        """Return the poses of the frames that have landmarks, or None where none has."""
        poses = [
            pose
            for index, person in sorted(track.frames.items())
            for alone in [Track(track.track_id, {index: person})]
            if (pose := self._fit.recover(alone, camera, fps, frames))
        ]
        if not poses:
            return None
        arrays: dict[str, Any] = {
            field.name: np.concatenate([getattr(pose, field.name) for pose in poses])
            for field in fields(BodyMotion)
            if field.name not in {"track_id", "betas_10", "cameras_T4"}
        }
        return replace(poses[0], **arrays)


def baseline_steps(steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps of the recipe, which draws with the same body and renderer as ``steps``."""
    return {
        **steps,
        "mask": PerFrameMasker,
        "inpaint": backends.get("inpaint", "navier_stokes"),
        "recover": PerFrameFit,
    }
