"""A whole clip through E2FGVI, window by window, as the official ``test.py`` does it.

Every fifth frame is the middle of a window of up to 11 neighbours, with every tenth frame of the
clip as a reference. A frame is in two or three windows; each one's prediction is averaged with what
was there. What does not depend on the window is made once: features and tokens of a frame, flow of
a pair. What is not asked for is not made: pictures of references, of frames without holes, or of
what lies away from all holes.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from toolkit.adapters.e2fgvi.network import E2FGVI, MULTIPLE_HW, shrink
from toolkit.frames import FrameStore
from toolkit.m2m.types import Array, Progress

STRIDE_FRAMES = 5
REFERENCE_EVERY_FRAMES = 10


def fill_clip(
    model: E2FGVI,
    frames: FrameStore,
    masks: FrameStore,
    progress: Progress = lambda _num_done: None,
    *,
    max_references: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> FrameStore:
    """Return new frames [T, H, W, 3] uint8 RGB, filled where ``masks`` [T, H, W] are not zero.

    Args:
        model: in evaluation mode, on the device to use.
        frames: [T, H, W, 3] uint8 RGB; exactly 240 x 432 where the model is not HQ.
        masks: [T, H, W] uint8, dilated already.
        progress: called with the number of frames just finished.
        max_references: how many references a window has at most, the nearest in time. None: all
            of the clip, as in the official loop; memory then grows with the clip.
        dtype: of the encoder, the transformer and the decoder; flow is always float32.
    """
    filled = FrameStore(frames.frame_shape)
    pending: deque[Array] = deque()  # frames from len(filled) on that a later window may change
    clip = _Clip(model, frames, masks, dtype)
    num_frames = len(frames)
    for middle in range(0, num_frames, STRIDE_FRAMES):
        local = range(max(0, middle - STRIDE_FRAMES), min(num_frames, middle + STRIDE_FRAMES + 1))
        while len(filled) < local[0]:
            filled.append(pending.popleft().astype(np.uint8))
            progress(1)
        with_hole = [index for index in local if clip.has_hole(index)]
        predicted: dict[int, Array] = {}
        if with_hole:
            references = choose_references(middle, local, num_frames, max_references)
            clip.forget_before(local[0], references)
            predicted = dict(
                zip(with_hole, clip.predict(local, references, with_hole), strict=True)
            )
        for index in local:
            frame_HWC = frames[index]
            if index in predicted:
                frame_HWC = np.where(masks[index][..., None] != 0, predicted[index], frame_HWC)
            place = index - len(filled)
            if place == len(pending):
                pending.append(frame_HWC)
            elif index in predicted:
                pending[place] = pending[place] * np.float32(0.5) + frame_HWC * np.float32(0.5)
    for frame_HWC in pending:
        filled.append(frame_HWC.astype(np.uint8))
        progress(1)
    return filled


def choose_references(
    middle: int, local: range, num_frames: int, max_references: int | None
) -> list[int]:
    """Return every tenth frame that is not in the window, or the nearest of them, ascending."""
    every = [i for i in range(0, num_frames, REFERENCE_EVERY_FRAMES) if i not in local]
    nearest = sorted(every, key=lambda index: (abs(index - middle), index))
    return sorted(nearest[:max_references])


class _Clip:
    """What is known of a clip and its frames so far."""

    def __init__(
        self, model: E2FGVI, frames: FrameStore, masks: FrameStore, dtype: torch.dtype
    ) -> None:
        self._model, self._frames, self._masks = model, frames, masks
        self._device = next(model.parameters()).device
        self._dtype = dtype
        self._maps: dict[int, Tensor] = {}  # [1, C, H / 4, W / 4]
        self._tokens: dict[int, Tensor] = {}  # [1, rows, columns, C]
        self._flows: dict[int, Tensor] = {}  # [2, 2, H / 4, W / 4]: to the next frame, and back
        height, width = frames.frame_shape[:2]
        self._size = (height, width)
        self._padding = ((0, -height % MULTIPLE_HW[0]), (0, -width % MULTIPLE_HW[1]), (0, 0))

    def has_hole(self, index: int) -> bool:
        return bool(self._masks[index].any())

    def forget_before(self, first_local: int, references: Sequence[int]) -> None:
        """Drop what no later window asks for."""
        first_reference = min((first_local, *references))
        for known, first in (
            (self._maps, first_local),
            (self._flows, first_local),
            (self._tokens, first_reference),
        ):
            for index in [index for index in known if index < first]:
                del known[index]

    def predict(
        self, local: range, references: Sequence[int], wanted: Sequence[int]
    ) -> list[Array]:
        """Return what the model makes of the wanted local frames: [H, W, 3] uint8.

        Only where one of them has a hole; elsewhere they are black.
        """
        part = self._around_holes(wanted)
        with torch.inference_mode():
            pictures = self._predict(local, references, [i - local[0] for i in wanted], part)
            pictures = (pictures.float() + 1) / 2 * 255
            made_NHWC = pictures.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
        whole_NHWC = np.zeros((len(wanted), *self._size, 3), np.uint8)
        rows, columns = (slice(places.start, places.stop) for places in part)
        whole_NHWC[:, rows, columns] = made_NHWC
        return list(whole_NHWC)

    def _around_holes(self, wanted: Sequence[int]) -> tuple[range, range]:
        """Return the rows and columns that hold all holes of some frames."""
        holes_HW = np.any([self._masks[index] != 0 for index in wanted], 0)
        y, x = (np.flatnonzero(holes_HW.any(axis)).tolist() for axis in (1, 0))
        return range(y[0], y[-1] + 1), range(x[0], x[-1] + 1)

    def _predict(
        self,
        local: range,
        references: Sequence[int],
        wanted: list[int],
        part: tuple[range, range],
    ) -> Tensor:
        model = self._model
        flows = (
            torch.stack([self._flow(index) for index in local[:-1]], 1) if len(local) > 1 else None
        )
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            tokens = [self._token(index) for index in references]
            maps = torch.stack([self._map(index) for index in local], 1)
            if flows is not None:
                with torch.autocast(self._device.type, enabled=False):
                    maps = model.feat_prop_module(maps.float(), flows[:1], flows[1:])
            return model.decode(model.compose(maps[0], tokens)[wanted], part)

    def _picture(self, index: int) -> Tensor:
        """Return a frame with its holes zero, padded by its mirror image: [1, 3, H, W], -1..1."""
        picture_HWC = self._frames[index].astype(np.float32) / 255 * 2 - 1
        picture_HWC *= (self._masks[index] == 0)[..., None]
        padded_HWC = np.pad(picture_HWC, self._padding, mode="symmetric")
        picture = torch.from_numpy(padded_HWC).permute(2, 0, 1)[None]  # in memory as channels last
        return picture.to(self._device)

    def _map(self, index: int) -> Tensor:
        if index not in self._maps:
            self._maps[index] = self._model.encoder(self._picture(index))
            if index % REFERENCE_EVERY_FRAMES == 0:
                self._tokens[index] = self._model.ss(self._maps[index])
        return self._maps[index]

    def _token(self, index: int) -> Tensor:
        if index not in self._tokens:
            self._map(index)
        return self._tokens[index]

    def _flow(self, index: int) -> Tensor:
        if index not in self._flows:
            pair = torch.cat([shrink(self._picture(at)) for at in (index, index + 1)])
            self._flows[index] = self._model.update_spynet(pair, pair.flip(0))
        return self._flows[index]
