"""Can a simple classifier find the hole in the empty clip, from what changes over time?

It looks at how each pixel differs from the frames before and after it, moved along with the true
background. It learns on one half of the clip and is asked on the other.

Shape suffixes: H height, W width, C colours, N pixels, F features.
"""

import cv2
import numpy as np
from scipy.stats import rankdata

from toolkit.frames import FrameStore
from toolkit.m2m.propagate import grow
from toolkit.m2m.types import Array

RING_PX = 16
"""The surroundings reach this far from the hole."""
EDGE_PX = 2
"""Pixels this near to the edge of the hole, or to a person, are in neither class."""
MIN_PIXELS, MAX_PIXELS = 20, 400
"""Of each class in a frame."""
_NEAR, _FAR = (5, 5), (9, 9)
_NOISE = 2
"""Contrast, of 255, that compression alone makes."""
_RIDGE = 1e-3


def silhouette_auc(
    shown: FrameStore, masks: FrameStore, visible_THW: Array, flows: FrameStore
) -> float:
    """Return the area under the curve of telling the hole from its surroundings.

    Args:
        shown: [T, H, W, 3] uint8, the clip without people.
        masks: [T, H, W], not zero in the hole.
        visible_THW: bool, where people truly are: what the hole leaves out is no surroundings.
        flows: [T - 1, 2, H, W, 2] px, how the background moves from each frame to the next, and
            back.
    """
    rng = np.random.default_rng(0)
    halves: list[list[tuple[Array, Array]]] = [[], []]
    for index in range(1, len(shown) - 1):
        classes = _classes(masks[index] != 0, visible_THW[index])
        if min(int(np.count_nonzero(where_HW)) for where_HW in classes) < MIN_PIXELS:
            continue
        features_HWF = _features(shown, flows, index)
        chosen = [_choose(where_HW, rng) for where_HW in classes]
        features_NF = np.concatenate([features_HWF[y_N, x_N] for y_N, x_N in chosen])
        labels_N = np.repeat([1.0, 0.0], [len(y_N) for y_N, _ in chosen])
        halves[index * 2 // len(shown)].append((features_NF, labels_N))
    if not all(halves):
        return float("nan")
    first, second = (
        (np.concatenate([f for f, _ in half]), np.concatenate([n for _, n in half]))
        for half in halves
    )
    return (_auc(first, second) + _auc(second, first)) / 2


def moved(frame_HWC: Array, flow_HW2: Array) -> Array:
    """Return what a neighbouring frame shows where the flow leads to, in float32."""
    height, width = flow_HW2.shape[:2]
    x_HW, y_HW = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return np.asarray(
        cv2.remap(
            frame_HWC.astype(np.float32),
            x_HW + flow_HW2[..., 0],
            y_HW + flow_HW2[..., 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _classes(hole_HW: Array, visible_HW: Array) -> tuple[Array, Array]:
    """Return the inside of the hole and its surroundings, [H, W] bool."""
    inside_HW = ~grow(~hole_HW, EDGE_PX)
    near_HW = grow(hole_HW, RING_PX) if hole_HW.any() else hole_HW
    unclear_HW = hole_HW | visible_HW
    return inside_HW, near_HW & ~(grow(unclear_HW, EDGE_PX) if unclear_HW.any() else unclear_HW)


def _choose(where_HW: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    y_N, x_N = np.nonzero(where_HW)
    chosen_N = rng.permutation(len(y_N))[:MAX_PIXELS]
    return y_N[chosen_N], x_N[chosen_N]


def _features(shown: FrameStore, flows: FrameStore, index: int) -> Array:
    """Return what changes about each pixel of a frame, on a scale that suits a linear classifier.

    Differences to the frames before and after, to their mean, and how they vary about the pixel;
    all in shares of the contrast there, as edges change more than plains wherever they are.
    """
    here_HW, before_HW, after_HW = (
        cv2.cvtColor(shown[i], cv2.COLOR_RGB2GRAY).astype(np.float32)
        for i in (index, index - 1, index + 1)
    )
    contrast_HW = cv2.blur(here_HW**2, _FAR) - cv2.blur(here_HW, _FAR) ** 2
    scale_HW = 10 / (np.sqrt(np.maximum(contrast_HW, 0)) + _NOISE)
    back_HW = (here_HW - moved(before_HW, flows[index - 1][1])) * scale_HW
    on_HW = (here_HW - moved(after_HW, flows[index][0])) * scale_HW
    steps = [np.abs(step_HW) for step_HW in (back_HW, on_HW, (back_HW + on_HW) / 2)]
    means = [cv2.blur(step_HW, _NEAR) for step_HW in steps]
    squares = [cv2.blur(step_HW**2, _NEAR) for step_HW in steps]
    return np.asarray(np.log1p(np.stack([*steps, *means, *squares], axis=2)))


def _auc(known: tuple[Array, Array], asked: tuple[Array, Array]) -> float:
    """Learn by linear least squares (Fisher's discriminant), and rank what is asked."""
    features_NF, labels_N = known
    mean_F, spread_F = features_NF.mean(0), features_NF.std(0) + 1e-6
    x_NF = (features_NF - mean_F) / spread_F
    gram_FF = x_NF.T @ x_NF / len(x_NF) + _RIDGE * np.eye(x_NF.shape[1])
    weights_F = np.linalg.solve(gram_FF, x_NF.T @ (labels_N - labels_N.mean()) / len(x_NF))
    ranks_N = rankdata(((asked[0] - mean_F) / spread_F) @ weights_F)
    is_hole_N = asked[1] == 1
    num_holes, num_others = is_hole_N.sum(), (~is_hole_N).sum()
    wins = ranks_N[is_hole_N].sum() - num_holes * (num_holes + 1) / 2
    return float(wins / (num_holes * num_others))
