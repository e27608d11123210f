"""OSX beside the official code's outputs."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra paper")

import torch

from tests.golden import distance, draw_clip, draw_noise, fill_weights, read_golden
from toolkit.adapters.osx.network import FULL, NO_DECODER, NO_FACE_DECODER, OSX, Bodies

_NAMES = {FULL: "osx_l", NO_FACE_DECODER: "osx_l_wo_face_decoder", NO_DECODER: "osx_l_wo_decoder"}
_POSES = {
    "root_pose": "root_pose",
    "body_pose": "body_pose",
    "lhand_pose": "left_hand_pose",
    "rhand_pose": "right_hand_pose",
    "jaw_pose": "jaw_pose",
}
_PLAIN = {"pose": 2e-4, "shape": 2e-4, "joints": 1e-4, "boxes": 1e-3, "mesh": 2e-4, "proj": 3e-3}
_OVERRIDE = {"pose": 2e-3, "shape": 2e-3, "joints": 2e-3, "boxes": 2e-3, "mesh": 2e-3, "proj": 1e-2}


def draw_images(salt: str, num_images: int = 2) -> torch.Tensor:
    """Return the images of the stored outputs."""
    blocks = draw_clip("osx_blocks", (num_images, 512, 384), salt, dx=50, dy=30, cell=32)
    blocks = torch.from_numpy(blocks).permute(0, 3, 1, 2).float() / 255
    return (blocks + draw_noise("osx_img", (num_images, 3, 512, 384), salt, "rand")) / 2


def matrices(poses: torch.Tensor | np.ndarray) -> np.ndarray:
    """Return rotation matrices: near half a turn the sign of an axis may flip."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(np.asarray(poses).reshape(-1, 3)).as_matrix()


def compare(bodies: Bodies, golden: dict[str, np.ndarray], tag: str) -> None:
    """Compare parameters with the stored ones, within their tolerances."""
    limits = _PLAIN if tag == "plain" else _OVERRIDE
    for theirs, ours in _POSES.items():
        stored = golden[f"{tag}_smplx_{theirs}"]
        assert distance(matrices(getattr(bodies, ours)), matrices(stored)) < limits["pose"], ours
        assert getattr(bodies, ours).shape == stored.shape
    for theirs, ours, limit in (
        ("smplx_shape", bodies.shape, "shape"),
        ("smplx_expr", bodies.expression, "shape"),
        ("cam_trans", bodies.translation, "shape"),
        ("joint_img", bodies.joints, "joints"),
        ("lhand_bbox", bodies.boxes[:, 0], "boxes"),
        ("rhand_bbox", bodies.boxes[:, 1], "boxes"),
        ("face_bbox", bodies.boxes[:, 2], "boxes"),
    ):
        assert distance(ours, golden[f"{tag}_{theirs}"]) < limits[limit], theirs


@pytest.mark.slow
@pytest.mark.parametrize("variant", [FULL, NO_FACE_DECODER, NO_DECODER])
@torch.inference_mode()
def test_golden_bodies_equal_the_official_code(variant, golden_dir, golden_salt):
    """Poses, shape, expression, camera, joints and boxes of two people, plain and sharpened."""
    about, golden = read_golden(golden_dir, _NAMES[variant], golden_salt)
    model = OSX(variant).eval()
    images = draw_images(golden_salt)
    fill_weights(model, golden_salt)
    compare(model(images), golden, "plain")
    fill_weights(model, golden_salt, override=about["weights"]["override"])
    compare(model(images), golden, "override")
