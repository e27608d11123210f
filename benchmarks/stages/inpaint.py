"""Does the empty scene look like the true one, and can one tell where somebody was?

Colours are compared where somebody was seen and the mask covers them: the rest of the hole was
never hidden. Some of it another frame of the clip shows; the rest nobody can know. The source has
been encoded and the true scene has not, which caps the PSNR near that of the codec (about 40 dB).

The silhouette is looked for in the clip as it would be released, encoded once more: compression
noise is part of what gives a hole away, and of what hides it.

Shape suffixes: T frames, H height, W width, C colours.
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.stages.run import ClipRun, Metric
from benchmarks.stages.silhouette import moved, silhouette_auc
from toolkit.adapters.navier_stokes import NavierStokesInpainter
from toolkit.frames import FrameStore
from toolkit.m2m.masks import dilate
from toolkit.m2m.types import Array
from toolkit.video import decode
from toolkit.video_encode import encode

METRICS = {
    "psnr_static_db": Metric("PSNR of what was hidden, camera standing still (dB)", "high", 30),
    "psnr_moving_db": Metric("the same, camera moving (dB)", "high", 26),
    "gain_over_ns_db": Metric(
        "PSNR above that of single-frame Navier-Stokes with the same masks (dB)", "high", 3
    ),
    "ssim": Metric("structural similarity of what was hidden", "high"),
    "warp_error": Metric(
        "what was hidden, against the next frame moved along the true background: root mean "
        "square, of 255",
        "low",
    ),
    "silhouette_auc": Metric(
        "how well a linear classifier tells the hole from its surroundings: 0.5 is not at all",
        "low",
        0.65,
    ),
    "share_shown_elsewhere": Metric(
        "share of what was hidden that the clip shows in another frame: nothing of the method's",
        "high",
    ),
}

MIN_PIXELS = 200
"""In a clip; fewer say nothing."""
_HALF = 0.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def measure(run: ClipRun) -> dict[str, float]:
    """Compare the inpainted clip with the true empty scene."""
    background, masks = run.done.background, run.done.people.masks
    visible_THW = np.asarray(run.truth.visible_PTHW.any(0))
    masks_THW = np.stack([mask_HW != 0 for mask_HW in masks])
    hidden_THW = masks_THW & visible_THW
    flows = _background_flows(run)
    dilated_THW = np.stack([dilate(visible_HW) != 0 for visible_HW in visible_THW])
    shown_THW = shown_elsewhere(dilated_THW, flows)
    left_free_THW = shown_THW & shown_elsewhere(masks_THW, flows)
    plain = NavierStokesInpainter().inpaint(run.clip.frames, masks, lambda _num_done: None)
    name = "psnr_static_db" if len(run.truth.background_THWC) == 1 else "psnr_moving_db"
    values = {}
    for part, where_THW in (
        ("", hidden_THW),
        ("_shown_elsewhere", hidden_THW & shown_THW),
        ("_left_free", hidden_THW & left_free_THW),
        ("_never_shown", hidden_THW & ~shown_THW),
    ):
        psnr_db = _psnr_db(run, background, where_THW)
        values[f"{name}{part}"] = psnr_db
        values[f"gain_over_ns_db{part}"] = psnr_db - _psnr_db(run, plain, where_THW)
    return values | {
        "ssim": _ssim(run, background, hidden_THW),
        "warp_error": _warp_error(background, flows, hidden_THW),
        "silhouette_auc": silhouette_auc(encoded(run), masks, visible_THW, flows),
        "share_shown_elsewhere": _mean(shown_THW[hidden_THW]),
        "share_shown_elsewhere_left_free": _mean(left_free_THW[hidden_THW]),
    }


def shown_elsewhere(covered_THW: Array, flows: FrameStore) -> Array:
    """Tell which pixels' background some frame of the clip shows, [T, H, W] bool.

    Args:
        covered_THW: bool, what does not count as shown: people's true masks, dilated as the paper
            does, or the masks of the run.
        flows: [T - 1, 2, H, W, 2] px, how the background moves to the next frame and back.
    """
    before_THW, after_THW = ~covered_THW, ~covered_THW
    for index in range(1, len(covered_THW)):
        before_THW[index] |= moved(before_THW[index - 1], flows[index - 1][1]) > _HALF
    for index in reversed(range(len(covered_THW) - 1)):
        after_THW[index] |= moved(after_THW[index + 1], flows[index][0]) > _HALF
    return np.asarray(before_THW | after_THW)


def encoded(run: ClipRun) -> FrameStore:
    """Return the empty clip as it comes out of an encoded file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "empty.mp4")
        encode(run.done.background, path, run.clip.timing, run.clip.pixel_aspect)
        return decode(path, None).frames


def _psnr_db(run: ClipRun, background: FrameStore, where_THW: Array) -> float:
    num_values, total = 0, 0.0
    for index, frame_HWC in enumerate(background):
        error_NC = frame_HWC[where_THW[index]].astype(np.float64)
        error_NC -= run.truth.background_HWC(index)[where_THW[index]]
        num_values += error_NC.size
        total += float((error_NC**2).sum())
    if num_values < 3 * MIN_PIXELS:
        return float("nan")
    return float(10 * np.log10(255**2 / max(total / num_values, 1e-3)))


def _ssim(run: ClipRun, background: FrameStore, where_THW: Array) -> float:
    values = [
        ssim_HW(frame_HWC, run.truth.background_HWC(index))[where_THW[index]]
        for index, frame_HWC in enumerate(background)
    ]
    return _mean(np.concatenate(values))


def ssim_HW(first_HWC: Array, second_HWC: Array) -> Array:
    """Structural similarity of two frames in grey about each pixel (Wang et al. 2004)."""

    def blur(image_HW: Array) -> Array:
        return np.asarray(cv2.GaussianBlur(image_HW, (11, 11), 1.5))

    x_HW, y_HW = (
        cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for frame in (first_HWC, second_HWC)
    )
    mean_x, mean_y = blur(x_HW), blur(y_HW)
    var_x, var_y = blur(x_HW**2) - mean_x**2, blur(y_HW**2) - mean_y**2
    cov = blur(x_HW * y_HW) - mean_x * mean_y
    top = (2 * mean_x * mean_y + _C1) * (2 * cov + _C2)
    return np.asarray(top / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)))


def _background_flows(run: ClipRun) -> FrameStore:
    """Return how the true background moves to the next frame and back: [T - 1, 2, H, W, 2] px."""
    height, width = run.done.background.frame_shape[:2]
    flows = FrameStore((2, height, width, 2), np.float32)
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    frames = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in run.truth.background_THWC]
    for index in range(run.num_frames - 1):
        flow_2HW2 = np.zeros(flows.frame_shape, np.float32)
        if len(frames) > 1:
            pair = frames[index], frames[index + 1]
            flow_2HW2[0] = dense.calc(*pair, np.zeros((height, width, 2), np.float32))
            flow_2HW2[1] = dense.calc(*pair[::-1], np.zeros((height, width, 2), np.float32))
        flows.append(flow_2HW2)
    return flows


def _warp_error(background: FrameStore, flows: FrameStore, where_THW: Array) -> float:
    squares = [np.empty(0)]
    for index, flow_2HW2 in enumerate(flows):
        step_HWC = background[index] - moved(background[index + 1], flow_2HW2[0])
        squares.append(step_HWC[where_THW[index]].ravel() ** 2)
    return float(np.sqrt(_mean(np.concatenate(squares))))


def _mean(values_N: Array) -> float:
    return float(values_N.mean()) if values_N.size else float("nan")
