"""The wooden mannequin of mannequin-x, driven by SMPL-X parameters (no SMPL-X files needed)."""

from collections.abc import Iterator

import numpy as np
from mannequin import Mannequin

from toolkit.m2m.types import BodyMotion, Mesh

_WOOD_RGB = (202, 160, 112)


class MannequinBody:
    """A neutral figure of smooth wood; its hands are relaxed where the hand pose is zero."""

    def __init__(self) -> None:
        self._model = Mannequin("wooden")
        self._faces_F3 = np.ascontiguousarray(self._model.faces, np.int32)
        self._colors_V3 = np.full((self._model.num_vertices, 3), _WOOD_RGB, np.uint8)

    def meshes(self, motion: BodyMotion) -> Iterator[Mesh]:
        """Yield one mesh (24,256 vertices) for each entry of ``motion.frames_T``."""
        self._model.reshape(motion.betas_10)
        for t in range(len(motion.frames_T)):
            hands = (motion.left_hand_pose_T45[t], motion.right_hand_pose_T45[t])
            pose = {
                "body_pose": motion.body_pose_T63[t].reshape(21, 3),
                "head_pose": np.zeros((3, 3)),
                "hand_pose": np.concatenate(hands).reshape(30, 3),
                "pelvis_rotation": motion.global_orient_T3[t],
                "global_translation": motion.transl_T3[t],
            }
            vertices_V3 = self._model.vertices(pose).astype(np.float32)
            yield Mesh(vertices_V3, self._faces_F3, self._colors_V3)
