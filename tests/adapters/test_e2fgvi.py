"""E2FGVI beside the official code's outputs, and its loop over a clip."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra paper")

import torch

from tests.golden import (
    box_masks,
    compare_numbers,
    distance,
    draw_clip,
    draw_noise,
    fill_weights,
    read_golden,
    strided,
)
from toolkit import models
from toolkit.adapters.e2fgvi import E2FGVIHQInpainter, E2FGVIInpainter, windows
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.adapters.e2fgvi.weights import load_network, prepare
from toolkit.adapters.e2fgvi.windows import choose_references, fill_clip
from toolkit.errors import BackendError, InputError, ModelError
from toolkit.frames import FrameStore
from toolkit.m2m.types import Array

_OUR_SALT = "m2m"
_SMALL_HW = (60, 108)


def make_network(salt: str, *, is_hq: bool = True) -> E2FGVI:
    """Return a network with the weights that the salt decides."""
    model = E2FGVI(is_hq=is_hq)
    fill_weights(model, salt, ("update_spynet.mean", "update_spynet.std"))
    return prepare(model)


@pytest.fixture(scope="module")
def network() -> E2FGVI:
    """An HQ network with weights of our own salt."""
    return make_network(_OUR_SALT)


def store(images: Array) -> FrameStore:
    """Return frames as a clip on disk."""
    frames = FrameStore(images.shape[1:])
    for image in images:
        frames.append(image)
    return frames


def make_clip(num_frames: int, height: int, width: int) -> tuple[FrameStore, FrameStore]:
    """Return a clip and masks of a moving box."""
    clip = draw_clip("clip", (num_frames, height, width), _OUR_SALT)
    return store(clip), store(255 * box_masks(num_frames, height, width))


def window_of(name: str, height: int, width: int, salt: str) -> torch.Tensor:
    """Return a window of eight frames with holes: [1, 8, 3, H, W]."""
    clip = torch.from_numpy(draw_clip(name, (8, height, width), salt)).permute(0, 3, 1, 2)
    seen = 1 - torch.from_numpy(box_masks(8, height, width)).float()[:, None]
    return ((clip.float() / 255 * 2 - 1) * seen)[None]


@pytest.mark.parametrize(
    ("name", "size_HW"),
    [
        ("e2fgvi_hq", (120, 216)),
        pytest.param("e2fgvi_hq", (240, 432), marks=pytest.mark.slow),
        pytest.param("e2fgvi", (240, 432), marks=pytest.mark.slow),
    ],
)
@torch.inference_mode()
def test_golden_forward_equals_the_official_code(name, size_HW, golden_dir, golden_salt):
    """Pictures, flows and inner stages of a window of six frames and two references."""
    about, golden = read_golden(golden_dir, name, golden_salt)
    size = "{}x{}".format(*size_HW)
    model = make_network(golden_salt, is_hq=name == "e2fgvi_hq")
    stages = {}
    for stage in ("encoder", "feat_prop_module", "transformer.0", "transformer.7", "sc"):
        model.get_submodule(stage).register_forward_hook(
            lambda _, __, out, stage=stage: stages.update({stage: out})
        )
    pictures, flows = model(window_of(f"e2fgvi_forward_{size}", *size_HW, golden_salt), 6)
    for stage, output in stages.items():
        key = f"stage_{stage}_{size}"
        assert distance(strided(about, key, output), golden[key]) < 1e-4, stage
    step = size_HW[0] // 40
    assert distance(pictures[:, :, ::step, ::step], golden[f"pred_{size}_strided"]) < 1e-4
    assert distance(flows[0], golden[f"flow_fwd_{size}"]) < 2e-5
    assert distance(flows[1], golden[f"flow_bwd_{size}"]) < 2e-5


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "size_THW"),
    [("e2fgvi_hq", (12, 100, 190)), ("e2fgvi_hq", (24, 240, 432)), ("e2fgvi", (24, 240, 432))],
)
def test_golden_loop_gives_the_official_frames(name, size_THW, golden_dir, golden_salt):
    """Of a whole clip: one level off in fewer than a thousandth of the values, in holes only."""
    _, golden = read_golden(golden_dir, name, golden_salt)
    num_frames, *size_HW = size_THW
    size = "{}x{}".format(*size_HW)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    masks = [cv2.dilate(mask, cross, iterations=4) for mask in box_masks(*size_THW)]
    clip = draw_clip(f"e2fgvi_loop_{size}", size_THW, golden_salt)
    model = make_network(golden_salt, is_hq=name == "e2fgvi_hq")
    filled = np.stack(list(fill_clip(model, store(clip), store(255 * np.stack(masks)))))
    off = np.abs(filled.astype(int) - golden[f"loop_{num_frames}f_{size}_comp"])
    holes = np.stack(masks) != 0
    assert off.max() <= 1
    assert (off[holes] > 0).mean() < 1e-3
    assert not off[~holes].any()


@torch.inference_mode()
def test_numbers_of_our_own(network):
    """A window of our own salt gives what it gave when the model equalled the official code."""
    window = window_of("window", *_SMALL_HW, _OUR_SALT)
    pictures, (forward, _) = network(window[:, :4], 3)
    compare_numbers("e2fgvi_hq pictures", pictures, 1e-4)
    compare_numbers("e2fgvi_hq flow", forward, 2e-5)


@torch.inference_mode()
def test_a_clip_is_filled_like_window_after_window(network):
    """The plain loop makes the same of it, and looks at each frame and pair more than once."""
    frames, masks = make_clip(12, *_SMALL_HW)
    num_seen: dict[str, int] = {"encoder": 0, "update_spynet": 0}

    def count(name: str) -> Callable[..., None]:
        def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], __: torch.Tensor) -> None:
            num_seen[name] += len(inputs[0])

        return hook

    hooks = [network.get_submodule(n).register_forward_hook(count(n)) for n in num_seen]
    filled = np.stack(list(fill_clip(network, frames, masks)))
    for hook in hooks:
        hook.remove()
    assert num_seen == {"encoder": 12, "update_spynet": 2 * 11}
    expected = plain_loop(network, np.stack(list(frames)), np.stack(list(masks)) != 0)
    off = np.abs(filled.astype(int) - expected)
    assert off.max() <= 1
    assert (off > 0).mean() < 1e-3
    assert not off[np.stack(list(masks)) == 0].any()


def plain_loop(model: E2FGVI, frames_THWC: Array, holes_THW: Array) -> Array:
    """Fill a clip as the official loop does: all frames of a window, for each window."""
    done: dict[int, Array] = {}
    num_frames = len(frames_THWC)
    for middle in range(0, num_frames, 5):
        local = list(range(max(0, middle - 5), min(num_frames, middle + 6)))
        chosen = local + [i for i in range(0, num_frames, 10) if i not in local]
        window = torch.from_numpy(frames_THWC[chosen]).permute(0, 3, 1, 2).float() / 255 * 2 - 1
        window *= ~torch.from_numpy(holes_THW[chosen])[:, None]
        pictures, _ = model(window[None], len(local))
        pictures_NHWC = ((pictures.permute(0, 2, 3, 1) + 1) / 2 * 255).numpy().astype(np.uint8)
        for index, picture in zip(local, pictures_NHWC, strict=False):
            made = np.where(holes_THW[index][..., None], picture, frames_THWC[index])
            done[index] = done[index] * 0.5 + made * 0.5 if index in done else made
    return np.stack([done[index].astype(np.uint8) for index in range(num_frames)])


def test_a_clip_without_people_is_left_alone(network):
    """No hole, no work: the frames come back as they are, and so do those of a short clip."""
    clip = draw_clip("clip", (7, 50, 90), _OUR_SALT)
    filled = fill_clip(network, store(clip), store(np.zeros(clip.shape[:3], np.uint8)))
    assert np.array_equal(np.stack(list(filled)), clip)


def test_one_frame_of_any_size_is_filled(network):
    """A clip of one frame, smaller than a window of attention, with an odd size."""
    frames, masks = make_clip(1, 17, 31)
    filled = np.stack(list(fill_clip(network, frames, masks)))
    outside = masks[0] == 0
    assert filled.shape == (1, 17, 31, 3)
    assert np.array_equal(filled[0][outside], frames[0][outside])
    assert not np.array_equal(filled[0], frames[0])


def test_bounded_references_are_the_nearest():
    """As many as asked for, around the middle; none of the window's own frames."""
    local = range(95, 106)
    assert choose_references(100, local, 400, None) == [
        index for index in range(0, 400, 10) if index != 100
    ]
    assert choose_references(100, local, 400, 4) == [80, 90, 110, 120]
    assert choose_references(0, range(6), 400, 4) == [10, 20, 30, 40]


@pytest.mark.slow
def test_half_precision_is_close(network):
    """Of the encoder, transformer and decoder in bfloat16, few levels are off on average."""
    frames, masks = make_clip(3, *_SMALL_HW)
    exact = np.stack(list(fill_clip(network, frames, masks))).astype(int)
    half = np.stack(list(fill_clip(network, frames, masks, dtype=torch.bfloat16))).astype(int)
    assert np.abs(exact - half)[np.stack(list(masks)) != 0].mean() < 4


def test_weights_are_told_by_their_keys(network, tmp_path):
    """The variant is that of the file; a wrong or partial one is refused by name."""
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    loaded = load_network(path)
    assert loaded.is_hq
    assert torch.equal(loaded.state_dict()["ss.embedding.weight"], network.ss.embedding.weight)
    torch.save(E2FGVI(is_hq=False).state_dict(), path)
    assert not load_network(path).is_hq


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("ss.embedding.bias"), r"lacks 1 of 244 entries \(ss.embedding.bias\)"),
        (lambda w: w.update(more=w["ss.embedding.bias"]), r"holds 1 more than .* \(more\)"),
        (lambda w: w.update({"ss.embedding.bias": 3}), "in another shape 1 of 244"),
        (lambda w: w.clear(), "holds no weights of E2FGVI"),
        (lambda w: w.update(path=Path()), "can be read safely"),
    ],
    ids=["partial", "more", "misshapen", "empty", "objects"],
)
def test_wrong_weights_are_refused(network, tmp_path, change, message):
    """By the file's name and the first keys that are wrong; nothing in a file is run."""
    path = tmp_path / "weights.pth"
    weights = network.state_dict()
    change(weights)
    torch.save(weights, path)
    with pytest.raises(ModelError, match=message):
        load_network(path)


def test_the_first_weights_are_for_one_size(tmp_path, monkeypatch):
    """E2FGVI without HQ says which size it fills."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path))
    torch.save(E2FGVI(is_hq=False).state_dict(), tmp_path / "E2FGVI-CVPR22.pth")
    models.fetch(["e2fgvi"])
    frames, masks = make_clip(1, 48, 64)
    with pytest.raises(InputError, match="432x240 px only, and these are 64x48"):
        E2FGVIInpainter().inpaint(frames, masks, lambda _: None)


def test_a_card_with_too_little_memory_is_one_line(network, tmp_path, monkeypatch):
    """With what helps, instead of a trace."""
    monkeypatch.setenv("M2M_CACHE", str(tmp_path))
    torch.save(network.state_dict(), tmp_path / "E2FGVI-HQ-CVPR22.pth")
    models.fetch(["e2fgvi_hq"])

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("toolkit.adapters.e2fgvi.fill_clip", fail)
    frames, masks = make_clip(1, 48, 64)
    with pytest.raises(
        BackendError, match=r"for E2FGVI at 64x48 px: choose a smaller --size, or set"
    ):
        E2FGVIHQInpainter().inpaint(frames, masks, lambda _: None)


@torch.inference_mode()
def test_a_longer_clip_needs_no_more_memory(network):
    """With bounded references as much is kept at the end of a clip as in the middle."""
    frames, masks = make_clip(4, *_SMALL_HW)
    clip = windows._Clip(network, frames, masks, torch.float32)
    for index in range(100):
        clip._maps[index] = clip._tokens[index] = clip._flows[index] = draw_noise("x", (1,), "x")
    clip.forget_before(80, [70, 110])
    assert min(clip._maps) == min(clip._flows) == 80
    assert min(clip._tokens) == 70
