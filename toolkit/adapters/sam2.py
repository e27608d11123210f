"""SAM 2 through transformers: outlines of the people that the offline masker tracks.

Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. Each person's own boxes are the
prompts, and what SAM 2 follows from there is added to their masks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn import functional as F  # noqa: N812 - its usual name
from transformers import Sam2ImageProcessor, Sam2VideoConfig, Sam2VideoModel, Sam2VideoProcessor
from transformers.models.sam2_video.video_processing_sam2_video import Sam2VideoVideoProcessor
from transformers.utils.logging import disable_progress_bar

from toolkit import models
from toolkit.adapters.blazepose import BlazePoseMasker
from toolkit.adapters.checkpoint import pick_device, report_lack_of_memory
from toolkit.errors import ModelError
from toolkit.frames import FrameStore
from toolkit.m2m.masks import box_of, decode_rle, encode_rle
from toolkit.m2m.track import iou_of_boxes
from toolkit.m2m.types import Array, PersonFrame, Track

_NUM_AT_ONCE = 64
"""Frames that SAM 2 remembers; then it starts again from a box, so that memory does not grow."""

_PROMPT_EVERY_FRAMES = 16
_MIN_SAME_BOX_IOU = 0.3
"""Where its mask is elsewhere than the person, SAM 2 has lost them."""


def load_network(path: Path, config: Sam2VideoConfig | None = None) -> Sam2VideoModel:
    """Return SAM 2 with the weights of a file, by default those of ``sam2.1-hiera-tiny``.

    Raises:
        ModelError: the file is of another network, or not complete: names the first keys.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} is no file of safetensors ({error}): download it again"
        ) from error
    disable_progress_bar()
    model, found = Sam2VideoModel.from_pretrained(
        None,
        config=config or Sam2VideoConfig(),
        state_dict=weights,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    wrong = [
        *found["missing_keys"],
        *found["unexpected_keys"],
        *(key for key, *_ in found["mismatched_keys"]),
    ]
    if wrong:
        raise ModelError(
            f"{path} as SAM 2.1 Hiera tiny: {len(wrong)} entries are missing, too many or of "
            f"another shape ({', '.join(sorted(wrong)[:3])}): give the official one, complete"
        )
    return model.eval().requires_grad_(requires_grad=False)


class Sam2Outliner:
    """Follows one person from boxes."""

    def __init__(self, model: Sam2VideoModel) -> None:
        self._device = pick_device()
        self._model = model.to(self._device)
        side = {"height": model.config.image_size, "width": model.config.image_size}
        self._processor = Sam2VideoProcessor(
            Sam2ImageProcessor(size=side), Sam2VideoVideoProcessor(size=side)
        )

    def follow(self, images: Sequence[Array], boxes: dict[int, Array]) -> Iterator[Array]:
        """Yield a person's mask [H, W] bool in each of some frames in a row.

        Args:
            images: [H, W, 3] uint8 RGB.
            boxes: frame to box x0 y0 x1 y1 px; the first frame has one.

        Raises:
            BackendError: the graphics card has too little memory.
        """
        shape = images[0].shape[:2]
        with torch.inference_mode(), report_lack_of_memory("SAM 2"):
            session = self._processor.init_video_session(
                video=list(images), inference_device=self._device
            )
            for index, box_xyxy in boxes.items():
                self._processor.add_inputs_to_inference_session(
                    session, index, obj_ids=1, input_boxes=[[box_xyxy.tolist()]]
                )
                self._model(session, frame_idx=index)
            for seen in self._model.propagate_in_video_iterator(session, start_frame_idx=0):
                mask = F.interpolate(seen.pred_masks.float(), shape, mode="bilinear")[0, 0] > 0
                yield mask.cpu().numpy()


class Sam2Masker(BlazePoseMasker):
    """Implements ``toolkit.m2m.types.Masker``: the offline masker, with outlines of SAM 2."""

    models = (*BlazePoseMasker.models, "sam2_1_hiera_tiny")

    def __init__(self) -> None:
        super().__init__()
        self._outliner = Sam2Outliner(load_network(models.locate(self.models[-1])))

    def _refine(self, tracks: Sequence[Track], views: FrameStore) -> list[Track]:
        return [replace(track, frames=outline(self._outliner, track, views)) for track in tracks]


def outline(outliner: Sam2Outliner, track: Track, views: FrameStore) -> dict[int, PersonFrame]:
    """Return the frames of a track with what SAM 2 sees of the person, where it has not lost them.

    It is added to the mask, and tells which pixels surely are the person.
    """
    known, refined = sorted(track.frames), dict(track.frames)
    breaks = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(known)) if b > a + 1), len(known)]
    for first, last in pairwise(breaks):
        for start in range(first, last, _NUM_AT_ONCE):
            part = known[start : min(start + _NUM_AT_ONCE, last)]
            prompts = {
                i: track.frames[part[i]].box_xyxy for i in range(0, len(part), _PROMPT_EVERY_FRAMES)
            }
            seen = outliner.follow([views[index] for index in part], prompts)
            for index, mask_HW in zip(part, seen, strict=True):
                refined[index] = _with_outline(track.frames[index], mask_HW)
    return refined


def _with_outline(item: PersonFrame, mask_HW: Array) -> PersonFrame:
    box_xyxy = box_of(mask_HW)
    if box_xyxy is None or iou_of_boxes(box_xyxy, item.box_xyxy) < _MIN_SAME_BOX_IOU:
        return item
    whole_HW = mask_HW | decode_rle(item.mask).astype(bool)
    whole_xyxy = box_of(whole_HW)
    return replace(
        item,
        mask=encode_rle(whole_HW.astype(np.uint8)),
        outline=encode_rle(mask_HW.astype(np.uint8)),
        box_xyxy=item.box_xyxy if whole_xyxy is None else whole_xyxy,
    )
