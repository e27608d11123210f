"""E2FGVI and E2FGVI-HQ, the video inpainting of the paper: our own implementation."""

from toolkit import models
from toolkit.adapters.checkpoint import pick_device, report_lack_of_memory
from toolkit.adapters.e2fgvi.weights import load_network
from toolkit.adapters.e2fgvi.windows import fill_clip
from toolkit.errors import InputError
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
        device, model = pick_device(), load_network(models.locate(self.models[0]))
        height, width = frames.frame_shape[:2]
        if not model.is_hq and (height, width) != FIXED_HW:
            raise InputError(
                f"E2FGVI fills frames of 432x240 px only, and these are {width}x{height}: "
                "add  --size 432x240  or use  --inpaint e2fgvi_hq"
            )
        at_size = f"E2FGVI at {width}x{height} px"
        with report_lack_of_memory(at_size, "choose a smaller --size, or "):
            return fill_clip(
                model.to(device),
                frames,
                masks,
                progress,
                max_references=None if len(frames) <= MAX_EXACT_FRAMES else NUM_REFERENCES,
            )


class E2FGVIInpainter(E2FGVIHQInpainter):
    """The same with the first weights, for frames of 432x240 px only."""

    models = ("e2fgvi",)
