"""Actors before a scene: frames, and what is true of them, composited by depth.

Everything is drawn twice as fine as the clip and averaged, so that edges are soft and the truth is
known for less than a pixel.

Shape suffixes: P people, T frames, H height, W width, C colours (RGB), V vertices, J joints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from toolkit.actors.bodies import Body
from toolkit.actors.motions import Motion
from toolkit.actors.rig import pose_vertices, rest_joints
from toolkit.actors.scenes import SUPERSAMPLING, Scene, prop_mesh
from toolkit.actors.truth import Truth
from toolkit.m2m.types import Array, Camera, Mesh

_HALF = 0.5
_ABOUT_OPAQUE = 0.02
"""Less coverage than this is not drawn."""


@dataclass(frozen=True)
class Actor:
    """A body, what it does in the world, and the seed of what it holds."""

    body: Body
    motion: Motion
    prop_seed: int = 0


@dataclass(frozen=True)
class _Shot:
    """One frame: pictures [H, W, C] and shares of the pixel [H, W] or [P, H, W]."""

    frame_HWC: Array
    background_HWC: Array
    visible_PHW: Array
    amodal_PHW: Array
    hidden_HW: Array


def film(
    scene: Scene, actors: Sequence[Actor], fps: float, info: Mapping[str, Any]
) -> tuple[Array, Truth]:
    """Film actors in a scene, as long as they move.

    Args:
        scene: before a moving camera, of as many frames as the motions.
        actors: one or more.
        fps: frames per second of their motions.
        info: what else is true of the clip.

    Returns:
        The frames [T, H, W, 3] uint8, and what is true of them.

    Raises:
        BackendError: a package or the EGL driver is missing.
    """
    num_frames = len(actors[0].motion.pelvis_T3)
    rotation_T33 = np.broadcast_to(scene.rotation_T33, (num_frames, 3, 3))
    translation_T3 = np.broadcast_to(scene.translation_T3, (num_frames, 3))
    shots = list(_shoot(scene, actors, rotation_T33, translation_T3))
    visible_PTHW = np.stack([shot.visible_PHW > _HALF for shot in shots], axis=1)
    amodal_PTHW = np.stack([shot.amodal_PHW > _HALF for shot in shots], axis=1)
    backgrounds = [shot.background_HWC for shot in (shots[:1] if scene.still else shots)]
    num_seen_PT, num_amodal_PT = visible_PTHW.sum((2, 3)), amodal_PTHW.sum((2, 3))
    world_PTJ3 = np.stack([actor.motion.joints(rest_joints(actor.body)) for actor in actors])
    joints_PTJ3 = np.einsum("tij,ptkj->ptki", rotation_T33, world_PTJ3) + translation_T3[:, None]
    camera = scene.camera
    truth = Truth(
        fps=float(fps),
        visible_PTHW=visible_PTHW,
        amodal_PTHW=amodal_PTHW,
        foreground_THW=np.stack([shot.hidden_HW > _HALF for shot in shots]),
        background_THWC=np.stack(backgrounds),
        joints_PTJ3=joints_PTJ3.astype(np.float32),
        local_PTJ33=np.stack([actor.motion.local_TJ33 for actor in actors]).astype(np.float32),
        camera_4=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        rotation_T33=rotation_T33,
        translation_T3=translation_T3,
        order_PT=np.argsort(np.argsort(joints_PTJ3[:, :, 0, 2], axis=0), axis=0),
        occlusion_PT=(1 - num_seen_PT / np.maximum(num_amodal_PT, 1)).astype(np.float32),
        info=info,
    )
    return np.stack([shot.frame_HWC for shot in shots]), truth


def _shoot(
    scene: Scene, actors: Sequence[Actor], rotation_T33: Array, translation_T3: Array
) -> Iterator[_Shot]:
    from toolkit.adapters.pyrender import PyrenderRenderer

    renderer = PyrenderRenderer(_finer(scene.camera))
    try:
        figures = [_Figure(actor) for actor in actors]
        for index, (rotation_33, translation_3) in enumerate(
            zip(rotation_T33, translation_T3, strict=True)
        ):
            drawn = [
                renderer.render([figure.mesh(index, rotation_33, translation_3)])
                for figure in figures
            ]
            yield _composite(*scene.draw(index), drawn)
    finally:
        renderer.close()


def _finer(camera: Camera) -> Camera:
    k = SUPERSAMPLING
    lens = k * camera.fx, k * camera.fy, k * camera.cx, k * camera.cy
    return Camera(*lens, k * camera.width, k * camera.height)


class _Figure:
    """An actor and what they hold, as one mesh."""

    def __init__(self, actor: Actor) -> None:
        self._body, self._motion = actor.body, actor.motion
        rng = np.random.default_rng(actor.prop_seed)
        self._props = {name: prop_mesh(name, rng) for name in sorted(actor.motion.held)}
        faces, num_vertices = [actor.body.faces_F3], len(actor.body.rest_V3)
        for prop in self._props.values():
            faces.append(prop.faces_F3 + num_vertices)
            num_vertices += len(prop.vertices_V3)
        self._faces_F3 = np.concatenate(faces)
        self._colors_V3 = np.concatenate(
            [actor.body.colors_V3, *(prop.vertex_colors_V3 for prop in self._props.values())]
        )

    def mesh(self, index: int, rotation_33: Array, translation_3: Array) -> Mesh:
        """Return the figure of a frame, taken from the world to camera space."""
        motion = self._motion
        vertices = [pose_vertices(self._body, motion.local_TJ33[index], motion.pelvis_T3[index])]
        for name, prop in self._props.items():
            pose_44 = motion.held[name][index]
            vertices.append(prop.vertices_V3 @ pose_44[:3, :3].T + pose_44[:3, 3])
        world_V3 = np.concatenate(vertices)
        camera_V3 = world_V3 @ rotation_33.T + translation_3
        return Mesh(camera_V3.astype(np.float32), self._faces_F3, self._colors_V3)


def _composite(
    scene_HWC: Array, scene_depth_HW: Array, drawn: Sequence[tuple[Array, Array]]
) -> _Shot:
    """Put people into a scene by depth; every argument is twice as fine as the clip."""
    picture_HWC = scene_HWC.astype(np.float32)
    nearest_HW = scene_depth_HW.copy()
    seen_PHW = np.zeros((len(drawn), *nearest_HW.shape), np.float32)
    amodal_PHW = np.zeros_like(seen_PHW)
    hidden_HW = np.zeros_like(nearest_HW)
    for person, (rgba_HW4, depth_HW) in enumerate(drawn):
        alpha_HW = rgba_HW4[..., 3].astype(np.float32) / 255
        alpha_HW[depth_HW == 0] = 0
        amodal_PHW[person] = alpha_HW
        there_HW = alpha_HW > _ABOUT_OPAQUE
        np.maximum(hidden_HW, alpha_HW * (depth_HW > scene_depth_HW), out=hidden_HW)
        front_HW = there_HW & (depth_HW <= nearest_HW)
        alpha_HW = np.where(front_HW, alpha_HW, 0)
        seen_PHW[:person] *= 1 - alpha_HW
        seen_PHW[person] = alpha_HW
        picture_HWC += alpha_HW[..., None] * (rgba_HW4[..., :3] - picture_HWC)
        nearest_HW[front_HW] = depth_HW[front_HW]

    def shrink(fine: Array) -> Array:
        size = (fine.shape[1] // SUPERSAMPLING, fine.shape[0] // SUPERSAMPLING)
        return cv2.resize(fine, size, interpolation=cv2.INTER_AREA)

    return _Shot(
        np.rint(shrink(picture_HWC)).astype(np.uint8),
        np.rint(shrink(scene_HWC.astype(np.float32))).astype(np.uint8),
        np.stack([shrink(seen_HW) for seen_HW in seen_PHW]),
        np.stack([shrink(amodal_HW) for amodal_HW in amodal_PHW]),
        shrink(hidden_HW),
    )
