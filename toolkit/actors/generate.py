"""Clips of actors with known truth: the frames, the true masks and the empty scene.

Shape suffixes: T frames, H height, W width, C colours (RGB), V vertices.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toolkit.actors.bodies import Phenotype, load_body
from toolkit.actors.motions import walk_and_wave
from toolkit.actors.outfits import Outfit
from toolkit.actors.scenes import make_room
from toolkit.files import check_out, make_folder, write_output
from toolkit.m2m.types import Array, Camera, Mesh

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class ActorClip:
    """A rendered clip and what is true of it.

    Attributes:
        frames_THWC: uint8.
        masks_THW: bool, where the actor covers more than half of the pixel.
        background_THWC: uint8, the same scene without the actor; outside the actor and its soft
            edge, equal to ``frames_THWC``.
    """

    frames_THWC: Array
    masks_THW: Array
    background_THWC: Array


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
    body = load_body(*_cast(rng))
    poses = walk_and_wave(body, num_frames, fps, to_left=bool(rng.integers(2)))

    room_HWC = scene.draw()
    frames_THWC = np.empty((num_frames, *room_HWC.shape), np.uint8)
    masks_THW = np.empty(frames_THWC.shape[:3], bool)
    with _open_studio(scene.camera) as render:
        for t, pose in enumerate(poses):
            vertices_V3 = scene.to_camera(body.pose(pose.rotations, pose.shift_3))
            color_HWC, alpha_HW = render(Mesh(vertices_V3, body.faces_F3, body.colors_V3))
            frames_THWC[t] = np.rint(color_HWC + (1 - alpha_HW[..., None]) * room_HWC)
            masks_THW[t] = alpha_HW > 0.5
    background_THWC = np.broadcast_to(room_HWC, frames_THWC.shape)
    if out:
        _write_video(frames_THWC, out, fps)
    return ActorClip(frames_THWC, masks_THW, background_THWC)


def write_truth(clip: ActorClip, path: Path) -> Path:
    """Write ``masks_THW`` and ``background_HWC`` (one frame: the camera stands) as an npz file.

    Returns:
        ``path``; its folder is made where there is none.

    Raises:
        InputError: ``path`` cannot be written.
    """
    make_folder(path.parent)
    check_out(path)
    with write_output(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, masks_THW=clip.masks_THW, background_HWC=clip.background_THWC[0])
    return path


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


@contextmanager
def _open_studio(camera: Camera) -> Iterator[Callable[[Mesh], tuple[Array, Array]]]:
    """One renderer for a clip; gives colour times coverage [H, W, 3] and coverage 0..1 [H, W]."""
    from toolkit.adapters.pyrender import PyrenderRenderer

    size = width, height = camera.width, camera.height
    k = _SUPERSAMPLING
    lens = k * camera.fx, k * camera.fy, k * camera.cx, k * camera.cy
    renderer = PyrenderRenderer(Camera(*lens, k * width, k * height))

    def render(mesh: Mesh) -> tuple[Array, Array]:
        fine_HW4 = renderer.render([mesh])[0].astype(np.float32)
        fine_HW4[..., 3] /= 255
        fine_HW4[..., :3] *= fine_HW4[..., 3:]
        rgba_HW4 = cv2.resize(fine_HW4, size, interpolation=cv2.INTER_AREA)
        return rgba_HW4[..., :3], rgba_HW4[..., 3]

    try:
        yield render
    finally:
        renderer.close()


def _write_video(frames_THWC: Array, out: Path, fps: int) -> None:
    from toolkit.video import Timing
    from toolkit.video_encode import encode

    with write_output(out) as partial:
        encode(frames_THWC, partial, Timing.constant(len(frames_THWC), fps))
