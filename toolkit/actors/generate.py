"""The clip of the demo: somebody who walks across a room, turns to the camera and waves.

Shape suffixes: T frames, H height, W width, C colours (RGB).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.actors.bodies import Phenotype, load_body
from toolkit.actors.film import Actor, film
from toolkit.actors.motions import walk_and_wave
from toolkit.actors.outfits import Outfit
from toolkit.actors.rig import rest_joints
from toolkit.actors.scenes import make_room
from toolkit.actors.truth import Truth
from toolkit.files import check_out, write_output
from toolkit.m2m.types import Array


@dataclass(frozen=True)
class ActorClip:
    """A rendered clip and what is true of it.

    Attributes:
        frames_THWC: uint8.
        truth: of them.
    """

    frames_THWC: Array
    truth: Truth

    @property
    def masks_THW(self) -> Array:
        """Where the actor covers more than half of the pixel, bool."""
        masks_THW: Array = self.truth.visible_PTHW[0]
        return masks_THW

    @property
    def background_THWC(self) -> Array:
        """The same scene without the actor; outside of their soft edge, equal to the frames."""
        return np.broadcast_to(self.truth.background_THWC, self.frames_THWC.shape)


def generate_clip(
    out: Path | None = None,
    *,
    seed: int = 0,
    num_frames: int = 72,
    fps: int = 24,
    size: tuple[int, int] = (432, 240),
) -> ActorClip:
    """Render a person who walks across a room, turns to the camera and waves.

    Args:
        out: the mp4 to write; None writes nothing.
        seed: chooses body, clothes, room and direction. The same seed gives the same bytes.
        num_frames: length of the clip.
        fps: frames per second; with ``num_frames`` it gives how long the person has.
        size: width and height, px.

    Raises:
        InputError: ``out`` cannot be written.
        BackendError: a package or the EGL driver is missing.
    """
    if out:
        check_out(out)
    rng = np.random.default_rng(seed)
    scene = make_room(rng, size)
    phenotype, outfit = _cast(rng)
    body = load_body(phenotype, outfit)
    to_left = bool(rng.integers(2))
    motion = walk_and_wave(rest_joints(body), num_frames, fps, to_left=to_left)
    info = {"action": "walk and wave", "camera": "still", "people": [vars(phenotype)], "seed": seed}
    clip = ActorClip(*film(scene, [Actor(body, motion)], fps, info))
    if out:
        _write_video(clip.frames_THWC, out, fps)
    return clip


def _cast(rng: np.random.Generator) -> tuple[Phenotype, Outfit]:
    """Choose an adult and their clothes."""
    skins = ((0.87, 0.68, 0.57), (0.78, 0.57, 0.44), (0.58, 0.38, 0.27), (0.38, 0.25, 0.18))
    shirts = ((0.72, 0.15, 0.13), (0.12, 0.35, 0.62), (0.85, 0.72, 0.25), (0.16, 0.45, 0.28))
    trousers = ((0.13, 0.19, 0.34), (0.16, 0.16, 0.17), (0.42, 0.36, 0.27))
    phenotype = Phenotype(
        gender=float(rng.integers(2)),
        muscle=float(rng.uniform(0.4, 0.7)),
        weight=float(rng.uniform(0.35, 0.65)),
        height=float(rng.uniform(0.2, 0.5)),
    )
    return phenotype, Outfit(
        skin=skins[rng.integers(len(skins))],
        shirt=shirts[rng.integers(len(shirts))],
        trousers=trousers[rng.integers(len(trousers))],
    )


def _write_video(frames_THWC: Array, out: Path, fps: int) -> None:
    from toolkit.video import Timing
    from toolkit.video_encode import encode

    with write_output(out) as partial:
        encode(frames_THWC, partial, Timing.constant(len(frames_THWC), fps))
