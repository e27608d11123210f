"""What the steps of the method hand to each other, and the Protocol of each step.

Shape suffixes: T frames, H height, W width, C colours, P people, V vertices, F faces, J joints,
K landmarks. Pixel coordinates are of the working frame, x right and y down, the centre of the
first pixel at 0.5. Camera space is OpenCV's: x right, y down, z forward, metres.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toolkit.frames import FrameStore

Array = NDArray[Any]
Progress = Callable[[int], None]
"""Called with the number of frames a step has just finished."""

NUM_LANDMARKS = 33
"""BlazePose's body landmarks, in the order of MediaPipe's ``PoseLandmark``."""


_EDGE_PX = 2


@dataclass(frozen=True)
class PersonFrame:
    """One person in one frame.

    Attributes:
        box_xyxy: [4] px.
        mask: COCO run-length encoding of the undilated mask (``toolkit.m2m.masks``).
        landmarks_K4: [33, 4] x px, y px, visibility 0..1, presence 0..1; None where only a region
            (a face, a hand, a box) is known.
        world_K3: [33, 3] metres about the hip centre, camera axes; None with ``landmarks_K4``.
        score: 0..1.
        source: "detected", "tracked" (found from the neighbouring frame), "filled" (between two
            sightings), or "weak" (a detection too weak to be sure of: removed all the same).
        outline: the mask without the limbs that only landmarks show, encoded likewise; None: all.
    """

    box_xyxy: Array
    mask: dict[str, Any]
    landmarks_K4: Array | None = None
    world_K3: Array | None = None
    score: float = 0.0
    source: str = "detected"
    outline: dict[str, Any] | None = None

    def is_cut_off(self, shape_HW: tuple[int, ...]) -> bool:
        """Whether the box reaches the edge of the frame."""
        x0, y0, x1, y1 = self.box_xyxy
        return bool(
            min(x0, y0) < _EDGE_PX or x1 > shape_HW[1] - _EDGE_PX or y1 > shape_HW[0] - _EDGE_PX
        )


@dataclass
class Track:
    """One person through the clip: a ``PersonFrame`` for each frame in which they are seen.

    ``num_confirmed`` counts the frames in which a detector is sure of them. Who is never confirmed
    is removed like everybody, but may be a false alarm.
    """

    track_id: int
    frames: dict[int, PersonFrame] = field(default_factory=dict)
    num_confirmed: int = 0

    @property
    def is_sure(self) -> bool:
        """Whether detectors confirm the person in a twentieth of the frames, and three at least."""
        return self.num_confirmed >= max(min(3, len(self.frames)), len(self.frames) / 20)


@dataclass(frozen=True)
class Evidence:
    """A sign that a person is there: a body, face or hand box with its score."""

    kind: str
    box_xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class People:
    """The result of the mask step: tracks, final masks and all evidence seen on the way.

    Attributes:
        tracks: sorted by ``track_id``.
        masks: [T, H, W] uint8, 255 where any person may be, where landmarks show a limb, and where
            a shadow falls before a still camera; after temporal union and dilation.
        cores: [T, H, W] uint8, 255 where a person surely is: the outlines of confirmed people,
            after temporal union, before dilation.
        evidence: for each frame, every sign of a person found in the source.
        unexplained: for each frame, the share of it that the largest thing takes which moves before
            a still background and is no part of anybody found.
    """

    tracks: Sequence[Track]
    masks: FrameStore
    cores: FrameStore
    evidence: Sequence[Sequence[Evidence]]
    unexplained: Sequence[float]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: (fx * x / z + cx, fy * y / z + cy) px; stretched pixels have fx != fy."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    @classmethod
    def for_frame(cls, width: int, height: int, pixel_aspect: float) -> "Camera":
        """Camera of a frame whose pixels are ``pixel_aspect`` times as wide as high.

        The focal length is the diagonal of the undistorted frame: about 53 degrees of view, the
        usual guess for video of unknown origin.
        """
        fy = float(np.hypot(width * pixel_aspect, height))
        return cls(fy / pixel_aspect, fy, width / 2, height / 2, width, height)


@dataclass(frozen=True)
class BodyMotion:
    """SMPL-X parameters of one track (axis-angle, radians, SMPL-X joint order).

    ``global_orient`` and ``transl_T3`` take the SMPL-X body (y up) straight to camera space
    (y down): a person upright before the camera has a global orient of about pi around x.

    Attributes:
        frames_T: [T] indices of the clip's frames, ascending.
        global_orient_T3, body_pose_T63, left_hand_pose_T45, right_hand_pose_T45: axis-angle.
        betas_10: constant along a track.
        transl_T3: metres; the camera-space position is R(global_orient) applied about the pelvis,
            plus this (the convention of the ``smplx`` package).
        observed_TJ: [T, 22] whether each body joint was seen; the others follow the prior.
        cameras_T4: [T, 4] fx, fy, cx, cy px of the camera that ``transl_T3`` is in, where that is
            not the clip's (``toolkit.m2m.virtual_camera``); None: it is.
    """

    track_id: int
    frames_T: Array
    global_orient_T3: Array
    body_pose_T63: Array
    left_hand_pose_T45: Array
    right_hand_pose_T45: Array
    betas_10: Array
    transl_T3: Array
    observed_TJ: Array
    cameras_T4: Array | None = None


@dataclass(frozen=True)
class Mesh:
    """A body in camera space: vertices_V3 metres, faces_F3 int, vertex_colors_V3 uint8."""

    vertices_V3: Array
    faces_F3: Array
    vertex_colors_V3: Array


class Masker(Protocol):
    """Finds people: detector, segmentation and tracker.

    A backend of any kind that needs weights names them in ``models``, as registered in
    ``toolkit.models``.
    """

    models: tuple[str, ...]

    def find(self, frames: FrameStore, pixel_aspect: float, progress: Progress) -> People:
        """Find every person in ``frames`` [T, H, W, 3] uint8 RGB."""
        ...


class Inpainter(Protocol):
    """Removes what the masks cover."""

    def inpaint(self, frames: FrameStore, masks: FrameStore, progress: Progress) -> FrameStore:
        """Return new frames [T, H, W, 3] uint8 RGB; pixels outside ``masks`` are the source's."""
        ...


class Recoverer(Protocol):
    """Estimates body parameters from a track."""

    def recover(
        self, track: Track, camera: Camera, fps: float, frames: FrameStore
    ) -> BodyMotion | None:
        """Return the motion of one person, or None where the track does not tell it."""
        ...


class Body(Protocol):
    """A body model driven by SMPL-X parameters."""

    def meshes(self, motion: BodyMotion) -> Iterator[Mesh]:
        """Yield one mesh for each entry of ``motion.frames_T``."""
        ...


class Renderer(Protocol):
    """Draws all people of a frame in one scene, so that the nearer covers the farther."""

    def render(self, meshes: Sequence[Mesh]) -> tuple[Array, Array]:
        """Return colour [H, W, 4] uint8 RGBA (alpha is coverage) and depth [H, W] m (0: empty)."""
        ...
