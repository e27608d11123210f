"""OSX beside the official code's outputs."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("smplx", reason="needs the extra paper")

import torch

from tests.golden import compare_numbers, distance, draw_clip, draw_noise, fill_weights, read_golden
from tests.smplx_file import write_smplx
from toolkit.adapters.osx import OsxRecoverer, SmoothOsxRecoverer, cut_out, fit_box
from toolkit.adapters.osx.decoder import Decoder
from toolkit.adapters.osx.network import (
    FULL,
    NO_DECODER,
    NO_FACE_DECODER,
    OSX,
    Bodies,
    to_axis_angle,
)
from toolkit.adapters.osx.weights import load_network
from toolkit.adapters.smplx_body import load_layer
from toolkit.errors import BackendError, ModelError
from toolkit.frames import FrameStore
from toolkit.m2m.types import Camera, PersonFrame, Track

_NAMES = {FULL: "osx_l", NO_FACE_DECODER: "osx_l_wo_face_decoder", NO_DECODER: "osx_l_wo_decoder"}
_POSES = {
    "root_pose": "root_pose",
    "body_pose": "body_pose",
    "lhand_pose": "left_hand_pose",
    "rhand_pose": "right_hand_pose",
    "jaw_pose": "jaw_pose",
}
_WIDTHS = {"root_pose": 3, "body_pose": 63, "left_hand_pose": 45, "right_hand_pose": 45}
_PLAIN = {"pose": 2e-4, "shape": 2e-4, "joints": 1e-4, "boxes": 1e-3, "mesh": 2e-4}
_OVERRIDE = {"pose": 2e-3, "shape": 2e-3, "joints": 2e-3, "boxes": 2e-3, "mesh": 2e-3}


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


def make_network(
    variant: str, salt: str, override: list[tuple[str, str, float]] | None = None
) -> OSX:
    """Return a network with the weights that the salt decides."""
    with torch.device("meta"):
        empty = OSX(variant)
    model = empty.to_empty(device="cpu").eval()
    fill_weights(model, salt, override=override)
    return model


def pose_mesh(bodies: Bodies, path: Path) -> torch.Tensor:
    """Return the vertices [B, 10475, 3] of recovered people in their cameras."""
    zeros = torch.zeros(len(bodies.shape), 3)
    posed = load_layer(path)(
        betas=bodies.shape,
        expression=bodies.expression,
        global_orient=bodies.root_pose,
        body_pose=bodies.body_pose,
        left_hand_pose=bodies.left_hand_pose,
        right_hand_pose=bodies.right_hand_pose,
        jaw_pose=bodies.jaw_pose,
        leye_pose=zeros,
        reye_pose=zeros,
        transl=bodies.translation,
    )
    return posed.vertices


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tag", ["plain", "override"])
@pytest.mark.parametrize("variant", [FULL, NO_FACE_DECODER, NO_DECODER])
@torch.inference_mode()
def test_golden_bodies_equal_the_official_code(variant, tag, golden_dir, golden_salt, tmp_path):
    """Poses, shape, expression, camera, joints, boxes and mesh of two people."""
    about, golden = read_golden(golden_dir, _NAMES[variant], golden_salt)
    override = about["weights"]["override"] if tag == "override" else None
    bodies = make_network(variant, golden_salt, override)(draw_images(golden_salt))
    compare(bodies, golden, tag)
    mesh = pose_mesh(bodies, write_smplx(tmp_path / "SMPLX_NEUTRAL.npz", golden_salt))
    limit = (_PLAIN if tag == "plain" else _OVERRIDE)["mesh"]
    assert distance(mesh[:, ::20], golden[f"{tag}_smplx_mesh_cam_strided"]) < limit


@torch.inference_mode()
def test_rotations_keep_their_matrix():
    """Six numbers become the rotation whose first columns they are, also of a batch of three."""
    given = draw_noise("rotations", (3, 40 * 6), "m2m")
    found = matrices(to_axis_angle(given)).reshape(3, 40, 3, 3)
    first, second = given.view(3, 40, 3, 2).unbind(3)
    x = torch.nn.functional.normalize(first, dim=2)
    assert distance(found[..., 0], x) < 1e-5
    assert (np.einsum("bni,bni->bn", found[..., 1], second.numpy()) > 0).all()
    assert np.allclose(np.linalg.det(found), 1)


def test_a_crop_shows_its_box():
    """A box of the frame fills the crop, stretched pixels are squared, and beyond is black."""
    frame = np.zeros((100, 200, 3), np.uint8)
    box = fit_box(np.array((60.0, 20, 90, 80)), 1.0)
    assert np.allclose(box, (75 - 28.125, 50 - 37.5, 56.25, 75))
    x, y, width, height = fit_box(np.array((60.0, 20, 90, 80)), 1.5)
    assert width * 1.5 / height == pytest.approx(0.75)
    assert (x + width / 2, y + height / 2) == pytest.approx((75, 50))
    frame[40:60, 70:80] = 255
    crop = cut_out(frame, box)
    rows, columns = np.nonzero(crop[..., 0] > 127)
    assert abs(rows.mean() - 255.5) < 1
    assert abs(columns.mean() - 191.5) < 1
    assert np.ptp(rows) + 1 == pytest.approx(20 * 512 / 75, abs=2)
    assert not cut_out(np.full_like(frame, 9), np.array((-300.0, 0, 75, 100))).any()


def test_wrong_weights_are_refused(tmp_path):
    """Old prefixes are known, training's entries are left; what is missing is named."""
    path = tmp_path / "osx.pth.tar"
    torch.save({"network": {"module.backbone.pos_embed": torch.zeros(1, 193, 768)}}, path)
    with pytest.raises(ModelError, match=r"as OSX without decoders, 768 wide: the file lacks \d+"):
        load_network(path)
    torch.save({"network": {"pos_embed": torch.zeros(1)}}, path)
    with pytest.raises(ModelError, match=r"holds no weights of OSX: encoder\.pos_embed"):
        load_network(path)
    torch.save([1], path)
    with pytest.raises(ModelError, match="no entry 'network'"):
        load_network(path)


@torch.inference_mode()
def test_numbers_of_our_own():
    """Decoders of our own salt give what they gave when the model equalled the official code."""
    decoder = Decoder(32, 5).eval()
    fill_weights(decoder, "m2m")
    sizes = ((8, 8), (16, 4), (32, 2))
    maps = [draw_noise(f"map{c}", (2, c, side, side), "m2m") for c, side in sizes]
    points = draw_noise("points", (2, 5, 2), "m2m", "rand")
    query = draw_noise("query", (2, 5, 256), "m2m")
    compare_numbers("osx decoder", decoder(maps, points, query), 1e-4)


def _recover(monkeypatch, backend: type[OsxRecoverer], look) -> object:
    """Let a backend recover somebody who stands still, with a network of the test."""
    monkeypatch.setattr("toolkit.adapters.osx.load_network", lambda _: torch.nn.Identity())
    monkeypatch.setattr("toolkit.adapters.osx.models.locate", Path)
    recoverer = backend()
    recoverer._network = look
    frames = FrameStore((120, 216, 3))
    for _ in range(8):
        frames.append(np.zeros((120, 216, 3), np.uint8))
    seen = PersonFrame(np.array((80.0, 20, 120, 110)), {})
    track = Track(3, dict.fromkeys(range(8), seen), 8)
    return recoverer.recover(track, Camera.for_frame(216, 120, 1.0), 25.0, frames)


def test_smoothing_is_for_those_who_ask(monkeypatch):
    """A body that trembles does so in the exact recipe, and hardly in the other."""

    def look(images):
        angles = 0.2 * (-1.0) ** torch.arange(len(images))[:, None]
        pose = {name: angles.expand(-1, width) / 3 for name, width in _WIDTHS.items()}
        translation = torch.tensor([0.0, 0, 30]).expand(len(images), 3)
        return SimpleNamespace(**pose, translation=translation)

    exact = _recover(monkeypatch, OsxRecoverer, look)
    smooth = _recover(monkeypatch, SmoothOsxRecoverer, look)
    assert np.ptp(exact.body_pose_T63, axis=0).min() > 0.1
    assert np.ptp(smooth.body_pose_T63[2:-2], axis=0).max() < 0.03
    assert np.array_equal(exact.transl_T3, smooth.transl_T3)
    assert np.array_equal(exact.cameras_T4, smooth.cameras_T4)


def test_a_card_with_too_little_memory_is_one_line(monkeypatch):
    """With what helps, instead of a trace."""

    def fail(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(BackendError, match="too little memory for OSX: set CUDA_VISIBLE_DEVICES="):
        _recover(monkeypatch, OsxRecoverer, fail)
