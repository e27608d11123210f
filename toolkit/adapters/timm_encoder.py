"""Any image model of timm as an encoder of frames, by its name there; llava is one of them.

timm and torch are large and not part of any extra that ``make setup`` installs. Their weights come
from a hub, by timm's own download, and are kept in its cache.
"""

from typing import Any

import numpy as np

from toolkit.errors import BackendError, ModelError
from toolkit.m2m.types import Array

LLAVA = "vit_large_patch14_clip_336.openai"
"""The image tower of LLaVA-1.5: CLIP ViT-L/14 at 336 px. What is taken is its pooled output, not
the patches of its last layer but one, which LLaVA hands to its language model."""


class TimmEncoder:
    """Implements ``toolkit.knexus.embed.Encoder``.

    Args:
        name: as ``timm.list_models()`` has it.

    Raises:
        BackendError: timm is not installed, or knows no such model.
        ModelError: the weights are not there and cannot be downloaded.
    """

    models: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        timm, torch = _import_timm(name)
        torch.set_num_threads(1)  # the same numbers on any machine; clips run side by side
        self._torch = torch
        try:
            self._model = timm.create_model(name, pretrained=True, num_classes=0).eval()
        except Exception as error:  # of timm, torch, the hub's client, and its network
            reason = " ".join(str(error).split())[:160]
            raise ModelError(
                f"encoder '{name}': timm cannot load its weights ({reason}): connect to the hub "
                "once, or set classes.encoder to efficientnet-lite0, which needs none"
            ) from error
        config = timm.data.resolve_model_data_config(self._model)
        self._transform = timm.data.create_transform(**config, is_training=False)

    @staticmethod
    def version_of(name: str) -> str:
        """Return what decides the numbers beside the picture: the packages' versions."""
        timm, torch = _import_timm(name)
        return f"timm {timm.__version__}, torch {torch.__version__}"

    def embed(self, image_HWC: Array) -> Array:
        """Return the pooled features [D] of uint8 RGB."""
        from PIL import Image

        blob = self._transform(Image.fromarray(image_HWC))[None]
        with self._torch.inference_mode():
            return np.asarray(self._model(blob)[0].numpy(), np.float32)


def _import_timm(name: str) -> tuple[Any, Any]:
    try:
        import timm
        import torch
    except ModuleNotFoundError as error:
        raise BackendError(
            f"encoder '{name}' needs the Python package '{error.name}', which is not installed: "
            "run  pip install 'm2m-toolkit[encoders]'  or set classes.encoder to efficientnet-lite0"
        ) from error
    if not timm.is_model(name):
        raise BackendError(
            f"unknown encoder '{name}': choose efficientnet-lite0, llava, or a name that "
            "timm.list_models() has"
        )
    return timm, torch
