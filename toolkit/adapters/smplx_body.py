"""The SMPL-X body of the paper, through the ``smplx`` package, from the user's licensed files.

Package and files are for non-commercial scientific research only. The shape is the mean one
whatever was recovered, so that a release shows nobody's figure.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import smplx
import torch

from toolkit import models
from toolkit.errors import ModelError
from toolkit.m2m.types import BodyMotion, Mesh

_KEYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "f",
    "J_regressor",
    "weights",
    "kintree_table",
    "hands_componentsl",
    "hands_componentsr",
    "hands_meanl",
    "hands_meanr",
    "lmk_faces_idx",
    "lmk_bary_coords",
    "dynamic_lmk_faces_idx",
    "dynamic_lmk_bary_coords",
)
_COLOR_RGB = (255, 255, 230)
_NUM_AT_ONCE = 16


def load_layer(path: Path, *, use_face_contour: bool = False) -> torch.nn.Module:
    """Return SMPL-X of a ``SMPLX_*.npz``, with the mean pose of the hands.

    Only the arrays that are needed are read, and none that is pickled: ``smplx`` alone would run
    what is in the file.

    Raises:
        ModelError: the file is not there, or lacks an array: names the first.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in _KEYS if key not in file]
            if missing:
                raise ModelError(
                    f"{path} is no SMPL-X file: it lacks {', '.join(missing[:3])}: get it from "
                    "https://smpl-x.is.tue.mpg.de"
                )
            arrays = {key: file[key] for key in _KEYS}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is no SMPL-X file of plain arrays ({error}): get it from "
            "https://smpl-x.is.tue.mpg.de"
        ) from error
    with tempfile.TemporaryDirectory(prefix="m2m-") as folder:
        plain = Path(folder) / "SMPLX_NEUTRAL.npz"
        np.savez(plain, allow_pickle=False, **arrays)
        return smplx.create(
            str(plain),
            "smplx",
            use_pca=False,
            use_face_contour=use_face_contour,
            batch_size=1,  # landmarks repeat by it, so it must be 1 or that of every call
        )


class SmplxBody:
    """Implements ``toolkit.m2m.types.Body``; the face is neutral."""

    models: tuple[str, ...] = ("smplx_neutral",)

    def __init__(self) -> None:
        torch.set_num_threads(1)  # the same numbers on any machine; clips run side by side
        self._layer = load_layer(models.locate(self.models[0]))
        self._faces_F3 = np.ascontiguousarray(self._layer.faces, np.int32)
        num_vertices = len(self._layer.v_template)
        self._colors_V3 = np.full((num_vertices, 3), _COLOR_RGB, np.uint8)

    def meshes(self, motion: BodyMotion) -> Iterator[Mesh]:
        """Yield one mesh (10,475 vertices) for each entry of ``motion.frames_T``."""
        for start in range(0, len(motion.frames_T), _NUM_AT_ONCE):
            part = slice(start, start + _NUM_AT_ONCE)
            zeros_T3 = np.zeros_like(motion.transl_T3[part])
            values = {
                "global_orient": motion.global_orient_T3[part],
                "body_pose": motion.body_pose_T63[part],
                "left_hand_pose": motion.left_hand_pose_T45[part],
                "right_hand_pose": motion.right_hand_pose_T45[part],
                "transl": motion.transl_T3[part],
                "betas": np.zeros((len(zeros_T3), 10)),
                "expression": np.zeros((len(zeros_T3), 10)),
                "jaw_pose": zeros_T3,
                "leye_pose": zeros_T3,
                "reye_pose": zeros_T3,
            }
            with torch.inference_mode():
                posed = self._layer(
                    **{name: torch.from_numpy(array).float() for name, array in values.items()}
                )
            for vertices_V3 in posed.vertices.numpy():
                yield Mesh(vertices_V3, self._faces_F3, self._colors_V3)


class MaleSmplxBody(SmplxBody):
    """The same of the male file."""

    models = ("smplx_male",)


class FemaleSmplxBody(SmplxBody):
    """The same of the female file."""

    models = ("smplx_female",)
