"""What tests make of an actor's clip: two people, a camera that moves, a perfect run."""

from collections.abc import Iterable
from fractions import Fraction

import cv2
import numpy as np

from toolkit.actors.generate import ActorClip
from toolkit.frames import FrameStore
from toolkit.gate import Anonymized
from toolkit.m2m.masks import box_of, dilate, encode_rle
from toolkit.m2m.types import Evidence, People, PersonFrame, Track
from toolkit.video import DecodedClip, Timing, VideoInfo


def store(frames: Iterable[np.ndarray]) -> FrameStore:
    """Return frames (at least one) as the steps of the method take them."""
    frames = list(frames)
    filled = FrameStore(frames[0].shape, frames[0].dtype)
    for frame in frames:
        filled.append(np.ascontiguousarray(frame))
    return filled


def masks_of(clip: ActorClip) -> np.ndarray:
    """Return the true masks [T, H, W] as uint8 0 or 255."""
    return clip.masks_THW.astype(np.uint8) * 255


def read_masks(masks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the masks of a step's result as bool [T, H, W]."""
    return np.stack(list(masks)) > 0


def with_mirror_image(clip: ActorClip) -> tuple[np.ndarray, np.ndarray]:
    """Let the actor's mirror image, a fifth smaller, pass behind the actor the other way.

    Returns:
        Frames [T, H, W, 3] and the true masks of both [2, T, H, W], the actor's first; where the
        actor hides the other one, the pixel is the actor's alone.
    """
    height, width = clip.masks_THW.shape[1:]
    shrink_23 = np.array([[0.8, 0, 0.1 * width], [0, 0.8, 0.06 * height]], np.float32)

    def away(image: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(np.ascontiguousarray(image[:, ::-1]), shrink_23, (width, height))

    frames_THWC, behind_THW = clip.frames_THWC.copy(), np.zeros_like(clip.masks_THW)
    for index, mask_HW in enumerate(clip.masks_THW):
        behind_THW[index] = (away(mask_HW.astype(np.uint8)) > 0) & ~mask_HW
        mirrored_HWC = away(clip.frames_THWC[index])
        frames_THWC[index][behind_THW[index]] = mirrored_HWC[behind_THW[index]]
    return frames_THWC, np.stack([clip.masks_THW, behind_THW])


def with_shadow(clip: ActorClip, light: float | tuple[float, ...] = 0.6) -> np.ndarray:
    """Return the frames with the actor's shadow on the wall, of so much light in each colour."""
    frames_THWC = clip.frames_THWC.copy()
    aside_23 = np.array([[1, 0, 45], [0, 1, 20]], np.float32)
    for frame_HWC, mask_HW in zip(frames_THWC, clip.masks_THW, strict=True):
        shade_HW = cv2.warpAffine(mask_HW.astype(np.float32), aside_23, mask_HW.shape[::-1])
        shade_HW = cv2.GaussianBlur(shade_HW, (5, 5), 0) * ~mask_HW
        frame_HWC[:] = np.rint(frame_HWC * (1 - shade_HW[..., None] * (1 - np.array(light))))
    return frames_THWC


def panned(images: np.ndarray, step_px: int = 2) -> np.ndarray:
    """Return three quarters of each image's width, further right in each frame."""
    width = images.shape[2] * 3 // 4
    return np.stack([image[:, step_px * i : step_px * i + width] for i, image in enumerate(images)])


def decoded(frames_THWC: np.ndarray, fps: int = 12, pixel_aspect: float = 1.0) -> DecodedClip:
    """Return frames as ``toolkit.video.decode`` would."""
    num_frames, height, width = frames_THWC.shape[:3]
    info = VideoInfo(
        width=width,
        height=height,
        fps=Fraction(fps),
        num_frames_declared=num_frames,
        duration_s=num_frames / fps,
        sample_aspect=1.0,
        rotation_deg=0,
        pixel_format="yuv420p",
        has_audio=False,
        codec="h264",
    )
    timing = Timing.constant(num_frames, fps)
    return DecodedClip(store(frames_THWC), timing, pixel_aspect, info, "0" * 64)


def true_people(masks_THW: np.ndarray) -> People:
    """Return what a masker would find that sees one person exactly as they are."""
    track = Track(0, num_confirmed=len(masks_THW))
    evidence: list[list[Evidence]] = []
    for index, mask_HW in enumerate(masks_THW):
        box_xyxy = box_of(mask_HW)
        evidence.append([])
        if box_xyxy is not None:
            seen = PersonFrame(box_xyxy, encode_rle(mask_HW), np.ones((33, 4), np.float32))
            track.frames[index] = seen
            evidence[-1].append(Evidence("nanodet", tuple(box_xyxy.tolist()), 0.9))
    cores_THW = masks_THW.astype(np.uint8) * 255
    return People(
        [track],
        store(dilate(core_HW) for core_HW in cores_THW),
        store(cores_THW),
        evidence,
        [0.0] * len(masks_THW),
    )


def removed(clip: ActorClip, frames: slice) -> Anonymized:
    """Return a perfect run over some frames: the actor found and removed, no mesh drawn."""
    room_THWC = clip.background_THWC[frames]
    return Anonymized(
        clip=decoded(clip.frames_THWC[frames]),
        people=true_people(clip.masks_THW[frames]),
        background=store(room_THWC),
        coverage=store(np.zeros(room_THWC.shape[:3], np.uint8)),
        result=store(room_THWC),
        motions=[],
    )
