import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit import backends
from toolkit.adapters.flow import FlowInpainter
from toolkit.adapters.navier_stokes import NavierStokesInpainter
from toolkit.frames import FrameStore

HEIGHT, WIDTH = 144, 256


def _store(frames: np.ndarray) -> FrameStore:
    store = FrameStore(frames.shape[1:], frames.dtype)
    for frame in frames:
        store.append(frame)
    return store


def _inpaint(inpainter, frames: np.ndarray, masks: np.ndarray) -> np.ndarray:
    filled = inpainter().inpaint(_store(frames), _store(masks), lambda _: None)
    filled = np.stack(list(filled))
    np.testing.assert_array_equal(filled[masks == 0], frames[masks == 0])
    return filled


def _texture(seed: int) -> np.ndarray:
    """Twice the frame's size, soft and hard edges at several scales."""
    rng = np.random.default_rng(seed)
    texture = np.full((2 * HEIGHT, 2 * WIDTH, 3), 120, np.float32)
    for sigma_px in (1.5, 5, 20):
        noise = cv2.GaussianBlur(rng.normal(0, 1, texture.shape), (0, 0), sigma_px)
        texture += 14 * (noise / noise.std()).astype(np.float32)
    for _ in range(30):
        x, y = rng.integers(0, 2 * WIDTH), rng.integers(0, 2 * HEIGHT)
        colour = rng.uniform(60, 190, 3).tolist()
        cv2.rectangle(texture, (x, y), (x + 30, y + 40), colour, 2)
    return texture


def _view(camera: str, t: int, num_frames: int) -> np.ndarray:
    """The part of the texture the camera sees, as an affine map from frame to texture."""
    x, y, zoom = WIDTH / 2, HEIGHT / 2, 1.0
    if camera == "pan":
        x += 2.3 * (t - num_frames / 2)
    if camera == "zoom and shake":
        zoom = 1 - 0.006 * (t - num_frames / 2)
        x += 2 * np.sin(0.9 * t) + WIDTH / 2 * (1 - zoom)
        y += 1.5 * np.cos(1.3 * t) + HEIGHT / 2 * (1 - zoom)
    return np.array([[zoom, 0, x], [0, zoom, y]])


def _clip(camera: str, num_frames: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A figure crossing a background: clean frames, frames with the figure, masks."""
    background, clothes = _texture(0), _texture(1)[:HEIGHT, :WIDTH]
    rng = np.random.default_rng(2)
    clean, frames, masks = [], [], []
    for t in range(num_frames):
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        view = _view(camera, t, num_frames)
        seen = cv2.warpAffine(background, view, (WIDTH, HEIGHT), flags=flags)
        if camera == "still, light changes":
            seen *= 1 + 0.08 * np.sin(0.3 * t)
        figure = np.zeros((HEIGHT, WIDTH), np.uint8)
        x = int(WIDTH * (0.45 if camera == "pan" else 0.2 + 0.6 * t / num_frames))
        cv2.ellipse(figure, (x, 80), (14, 40), 0, 0, 360, 255, -1)
        cv2.circle(figure, (x, 32), 10, 255, -1)
        cv2.line(figure, (x, 60), (x + int(30 * np.cos(t)), 60 + int(30 * np.sin(t))), 255, 6)
        edge = cv2.GaussianBlur(figure, (0, 0), 1)[..., None] / 255
        noise = rng.normal(0, 2, seen.shape)
        clean.append(np.clip(seen, 0, 255).astype(np.uint8))
        frames.append(
            np.clip(seen * (1 - edge) + (255 - clothes) * edge + noise, 0, 255).astype(np.uint8)
        )
        masks.append(cv2.dilate(figure, np.ones((9, 9), np.uint8)))
    return np.stack(clean), np.stack(frames), np.stack(masks)


def _psnr(filled: np.ndarray, clean: np.ndarray, masks: np.ndarray) -> float:
    error = filled[masks > 0].astype(float) - clean[masks > 0]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def _flicker(filled: np.ndarray, clean: np.ndarray, masks: np.ndarray) -> float:
    """Mean change of the error from frame to frame, where both frames have a hole."""
    error = filled.astype(float) - clean
    both = (masks[1:] > 0) & (masks[:-1] > 0)
    return float(np.abs(np.diff(error, axis=0))[both].mean())


@pytest.mark.parametrize("camera", ["still", "still, light changes", "pan", "zoom and shake"])
def test_flow_finds_the_background_again(camera: str) -> None:
    """With a known clean background flow is at least 12 dB better, and calmer, than one frame."""
    clean, frames, masks = _clip(camera)
    flow = _inpaint(FlowInpainter, frames, masks)
    single = _inpaint(NavierStokesInpainter, frames, masks)
    assert _psnr(flow, clean, masks) > _psnr(single, clean, masks) + 12
    assert _flicker(flow, clean, masks) < _flicker(single, clean, masks) / 3


def test_same_input_same_bytes() -> None:
    """Two runs give the same frames."""
    _, frames, masks = _clip("pan", 6)
    first, second = (_inpaint(FlowInpainter, frames, masks) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("camera", ["still", "pan"])
def test_an_overlooked_limb_is_not_spread(camera: str) -> None:
    """A figure whose masks are missing in one frame does not appear in the frames around it."""
    clean, frames, masks = _clip(camera)
    masks[12] = 0
    filled = _inpaint(FlowInpainter, frames, masks)
    around = [10, 11, 13, 14]
    assert _psnr(filled[around], clean[around], masks[around]) > 26


def test_nothing_crosses_a_cut() -> None:
    """After a cut to another place a hole is not filled from the place before."""
    clean, frames, masks = _clip("pan", 20)
    clean[10:], frames[10:] = 255 - clean[10:], 255 - frames[10:]
    clean[10:], frames[10:] = clean[10:, ::-1], frames[10:, ::-1]
    masks[10:] = masks[10:, ::-1]
    filled = _inpaint(FlowInpainter, frames, masks)
    assert _psnr(filled, clean, masks) > 20


def test_what_no_frame_shows_stands_still() -> None:
    """Behind a figure that never leaves its place in the picture, what is made up follows it."""
    _, frames, masks = _clip("pan", 12)
    shaking = np.stack([np.roll(frames[6], (t % 3, t % 2), (0, 1)) for t in range(12)])
    moving = np.stack([np.roll(masks[6], (t % 3, t % 2), (0, 1)) for t in range(12)])
    filled = _inpaint(FlowInpainter, shaking, moving)
    steady = np.stack([np.roll(filled[t], (-(t % 3), -(t % 2)), (0, 1)) for t in range(12)])
    change = np.abs(np.diff(steady.astype(int), axis=0))[:, masks[6] > 0]
    assert change.mean() < 2


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("covered", ["none", "border", "one frame", "all"])
def test_any_clip_is_filled(num_frames: int, covered: str) -> None:
    """Short clips, holes at the border and whole frames covered: no one is left, none fails."""
    _, frames, masks = _clip("pan", num_frames)
    frames[masks > 0] = (255, 0, 255)
    if covered == "none":
        masks[:] = 0
    if covered == "border":
        masks[:, :, 100:] = 255
    if covered == "one frame":
        masks[num_frames // 2] = 255
    if covered == "all":
        masks[:] = 255
    frames[masks > 0] = (255, 0, 255)
    filled = _inpaint(FlowInpainter, frames, masks)
    assert not (filled[masks > 0] == (255, 0, 255)).all(-1).any()
    if covered == "all":
        assert (filled == 128).all()


def test_the_registry_knows_the_inpainters() -> None:
    """All three backends are found by name and finish a clip frame by frame."""
    _, frames, masks = _clip("still", 3)
    for name in ("flow", "navier_stokes", "none"):
        finished: list[int] = []
        backends.get("inpaint", name)().inpaint(_store(frames), _store(masks), finished.append)
        assert sum(finished) == 3


def test_a_real_moving_camera(shared_dir: Path) -> None:
    """A figure pasted on the high jump (panning hand camera): the background comes back."""
    av = pytest.importorskip("av")
    with av.open(str(shared_dir / "clips" / "misc" / "high_jump.mp4")) as video:
        decoded = itertools.islice(video.decode(video=0), 24)
        clean = np.stack(
            [cv2.resize(frame.to_ndarray(format="rgb24"), (WIDTH, HEIGHT)) for frame in decoded]
        )
    _, figure, masks = _clip("still", 24)
    frames = np.where(masks[..., None] > 0, figure, clean)
    flow = _inpaint(FlowInpainter, frames, masks)
    single = _inpaint(NavierStokesInpainter, frames, masks)
    assert _psnr(flow, clean, masks) > _psnr(single, clean, masks) + 5
