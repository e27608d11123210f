"""E2FGVI and E2FGVI-HQ, the video inpainting of the paper: our own implementation."""

import torch

from toolkit import models
from toolkit.adapters.e2fgvi.weights import load_network
from toolkit.adapters.e2fgvi.windows import fill_clip
from toolkit.errors import BackendError, InputError
from toolkit.frames import FrameStore
from toolkit.m2m.types import Progress

FIXED_HW = (240, 432)
MAX_EXACT_FRAMES = 300
"""Clips of up to ten seconds have all references, as in the official loop."""

NUM_REFERENCES = 6
"""How many references a window of a longer clip has, so that memory does not grow."""


class E2FGVIHQInpainter:
    """Implements ``toolkit.m2m.types.Inpainter`` at any size."""

    models: tuple[str, ...] = ("e2fgvi_hq",)

    def inpaint(self, frames: FrameStore, masks: FrameStore, progress: Progress) -> FrameStore:
        """Return [T, H, W, 3] uint8 frames, filled where ``masks`` [T, H, W] are not zero.

        Raises:
            InputError: the weights are for frames of another size.
            BackendError: the graphics card has too little memory.
        """
        torch.set_num_threads(1)  # the same numbers on any machine; clips run side by side
        model = load_network(models.locate(self.models[0]))
        if not model.is_hq and frames.frame_shape[:2] != FIXED_HW:
            height, width = frames.frame_shape[:2]
            raise InputError(
                f"E2FGVI fills frames of 432x240 px only, and these are {width}x{height}: "
                "add  --size 432x240  or use  --inpaint e2fgvi_hq"
            )
        try:
            return fill_clip(
                model.to("cuda" if torch.cuda.is_available() else "cpu"),
                frames,
                masks,
                progress,
                max_references=None if len(frames) <= MAX_EXACT_FRAMES else NUM_REFERENCES,
            )
        except torch.cuda.OutOfMemoryError as error:
            height, width = frames.frame_shape[:2]
            raise BackendError(
                f"the graphics card has too little memory for E2FGVI at {width}x{height} px: "
                "choose a smaller --size, or set CUDA_VISIBLE_DEVICES= to use the processor"
            ) from error


class E2FGVIInpainter(E2FGVIHQInpainter):
    """The same with the first weights, for frames of 432x240 px only."""

    models = ("e2fgvi",)
