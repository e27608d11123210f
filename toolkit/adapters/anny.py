"""Anny's bodies, driven by SMPL-X parameters: gendered meshes without any SMPL-X file.

Each backend is one body of one plain colour, clothes, hair and all, so that a release shows nobody
in particular. It is as tall as the mannequin, on whose skeleton poses are recovered.
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.actors.bodies import Phenotype, load_body
from toolkit.actors.outfits import Outfit
from toolkit.actors.rig import pose_vertices
from toolkit.m2m.types import Array, BodyMotion, Mesh

_PELVIS_3 = np.array([0.0031, -0.3514, 0.0120])
"""Where SMPL-X's mean body has its pelvis: ``transl_T3`` counts from there."""


class AnnyBody:
    """One Anny body in one colour.

    ``betas_10`` is ignored: they are directions of the licensed SMPL-X shape space, and Anny's
    shape is a phenotype, which the backend's name chooses.
    """

    def __init__(self, phenotype: Phenotype, outfit: Outfit, color: tuple[int, int, int]) -> None:
        self._body = load_body(phenotype, outfit)
        self._faces_F3 = np.ascontiguousarray(self._body.faces_F3, np.int32)
        self._colors_V3 = np.full(self._body.colors_V3.shape, color, np.uint8)

    def meshes(self, motion: BodyMotion) -> Iterator[Mesh]:
        """Yield one mesh (about 12,000 vertices) for each entry of ``motion.frames_T``."""
        for t in range(len(motion.frames_T)):
            turns = (
                motion.global_orient_T3[t],
                motion.body_pose_T63[t],
                motion.left_hand_pose_T45[t],
                motion.right_hand_pose_T45[t],
            )
            local_J33 = Rotation.from_rotvec(np.concatenate(turns).reshape(-1, 3)).as_matrix()
            vertices_V3: Array = pose_vertices(
                self._body, local_J33, motion.transl_T3[t] + _PELVIS_3
            )
            yield Mesh(vertices_V3.astype(np.float32), self._faces_F3, self._colors_V3)


def make_neutral() -> AnnyBody:
    """Make a body halfway between a man's and a woman's, grey as stone."""
    outfit = Outfit(hair_length="short", sleeves="long")
    return AnnyBody(Phenotype(gender=0.5, height=0.36), outfit, (176, 174, 170))


def make_male() -> AnnyBody:
    """Make a man's body, the colour of oak."""
    outfit = Outfit(hair_length="short", sleeves="long")
    return AnnyBody(Phenotype(gender=0.0, height=0.29), outfit, (190, 152, 108))


def make_female() -> AnnyBody:
    """Make a woman's body, the colour of cherry wood."""
    outfit = Outfit(hair_length="chin", sleeves="long")
    return AnnyBody(Phenotype(gender=1.0, height=0.42), outfit, (178, 128, 104))
