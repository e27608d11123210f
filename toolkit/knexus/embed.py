"""From a video to one vector: which frame, which encoder; and from vectors to class means.

The frame alone is embedded: the label enters by the class whose mean the vector is part of, and by
no text tower. Shape suffixes: T frames, H, W, C colours (of images), N videos, D numbers.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol

import numpy as np

from toolkit import backends, models
from toolkit.errors import InputError
from toolkit.knexus.bias import GRID
from toolkit.m2m.types import Array

DEFAULT_ENCODER = "efficientnet-lite0"
RANDOM, LEAST_CHANGE = "random", "least-change"

_NUM_LEVELS = 64
Frames = Iterable[Callable[[], Array]]
"""Frames as ``toolkit.video.read_frames`` yields them."""


class Encoder(Protocol):
    """Turns a picture into numbers that say what is to see in it.

    Attributes:
        models: names of its weights in ``toolkit.models``.
    """

    models: tuple[str, ...]

    def embed(self, image_HWC: Array) -> Array:
        """Return the vector [D] of uint8 RGB."""


@cache
def make_encoder(name: str) -> Encoder:
    """Return an encoder; the same one each time in a process.

    Args:
        name: a backend of kind encoder, ``llava``, or any name that timm has.

    Raises:
        BackendError: it is unknown, or a package is missing.
        ModelError: its weights are missing.
    """
    encoder: Encoder
    if name in backends.names("encoder"):
        encoder = backends.get("encoder", name)()
    else:
        from toolkit.adapters.timm_encoder import LLAVA, TimmEncoder

        encoder = TimmEncoder(LLAVA if name == "llava" else name)
    return encoder


def describe_encoder(name: str) -> tuple[str, dict[str, str]]:
    """Return the version of an encoder, and name to sha256 of its weights.

    Raises:
        BackendError: it is unknown, or a package is missing.
        ModelError: its weights are missing.
    """
    if name in backends.names("encoder"):
        found = backends.get("encoder", name)
        for weights in getattr(found, "models", ()):
            models.locate(weights)
        digests = {weights: models.sha256_of(weights) for weights in getattr(found, "models", ())}
        return str(getattr(found, "version", "")), digests
    from toolkit.adapters.timm_encoder import LLAVA, TimmEncoder

    return TimmEncoder.version_of(LLAVA if name == "llava" else name), {}


def draw_videos(clip_ids: Sequence[str], max_videos: int, seed: int) -> list[str]:
    """Return at most so many ids, drawn by lot whatever their order is, sorted."""
    by_lot = sorted(clip_ids, key=lambda clip_id: (seed_of(clip_id, seed), clip_id))
    return sorted(by_lot[:max_videos])


def seed_of(clip_id: str, seed: int) -> int:
    """Return the seed of one clip: another one for each clip, and for each seed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {clip_id}".encode()).digest()[:8], "big")


def pick_frame(frames: Frames, how: str, seed: int) -> Array:
    """Return one frame [H, W, C] of a video.

    Args:
        frames: all of them, in order.
        how: "random", each as likely as any other; or "least-change", the one whose grey levels
            differ least, by relative entropy, from those of the frame before (the footnote of
            section 3.1), the first of several.
        seed: of the random one.

    Raises:
        InputError: there is no frame.
    """
    picked = _pick_calmest(frames) if how == LEAST_CHANGE else _pick_random(frames, seed)
    if picked is None:
        raise InputError("a video without frames has none to embed: leave it out")
    return picked


def _pick_random(frames: Frames, seed: int) -> Array | None:
    """Keep frame t with probability 1 / (t + 1): at the end each is as likely as any other."""
    rng = np.random.default_rng(seed)
    picked = None
    for index, frame in enumerate(frames):
        if rng.integers(index + 1) == 0:
            picked = frame()
    return picked


def _pick_calmest(frames: Frames) -> Array | None:
    picked, before, least = None, None, np.inf
    for frame in frames:
        image_HWC = frame()
        levels = count_levels(image_HWC)
        if picked is None:
            picked = image_HWC
        if before is not None and (change := relative_entropy(levels, before)) < least:
            picked, least = image_HWC, change
        before = levels
    return picked


def count_levels(image_HWC: Array) -> Array:
    """Return the shares of 64 grey levels [64] in a picture, each a little above 0."""
    grey_HW = image_HWC.astype(np.uint16).sum(2) // 3 * _NUM_LEVELS // 256
    counts = np.bincount(grey_HW.ravel(), minlength=_NUM_LEVELS) + 1.0
    return np.asarray(counts / counts.sum())


def relative_entropy(shares: Array, of: Array) -> float:
    """Return sum p log(p / q) in nats."""
    return float((shares * np.log(shares / of)).sum())


def to_unit(vector_D: Array) -> Array:
    """Return a vector of length 1, float32.

    Raises:
        InputError: it is not finite, or zero.
    """
    length = float(np.linalg.norm(vector_D.astype(np.float64)))
    if not np.isfinite(length) or length == 0:
        raise InputError(
            f"the encoder gave a vector of length {length}: its weights are damaged, or the frame "
            "is no picture; fetch the weights again, or leave the clip out"
        )
    return np.asarray(vector_D / length, np.float32)


def mean_by_class(chunks: Iterable[tuple[Array, Array]], num_classes: int) -> Array:
    """Return the mean of the unit vectors of each class [C, D], read chunk by chunk.

    Numbers are rounded to multiples of 2^-22, and their sums are exact: neither the order of the
    videos, nor how they are cut into chunks, nor who read them changes a bit.

    Args:
        chunks: vectors [N, D] of length 1, and the class of each [N].
        num_classes: C.

    Raises:
        InputError: a number is not finite, or a class has no video.
    """
    sums_CD: Array | None = None
    counts_C = np.zeros(num_classes, np.int64)
    for rows_ND, class_N in chunks:
        if sums_CD is None:
            sums_CD = np.zeros((num_classes, rows_ND.shape[1]))
        steps_D = np.empty(rows_ND.shape[1], rows_ND.dtype)
        for row_D, index in zip(rows_ND, class_N, strict=True):  # a row stays in the cache
            np.rint(np.multiply(row_D, GRID, out=steps_D), out=steps_D)
            sums_CD[index] += steps_D
        counts_C += np.bincount(class_N, minlength=num_classes)
    if sums_CD is None or not counts_C.all():
        missing = int(np.argmin(counts_C)) if num_classes else 0
        raise InputError(f"class {missing} has no video, and so no mean: add one or leave it out")
    if not np.isfinite(sums_CD).all():
        raise InputError("embeddings must be finite numbers, and some are NaN or infinite")
    return np.asarray(sums_CD / GRID / counts_C[:, None])
