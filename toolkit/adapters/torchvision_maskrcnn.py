"""Mask R-CNN R50-FPN v2 of torchvision: person masks whose weights anybody can fetch."""

from pathlib import Path

import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from toolkit import models
from toolkit.adapters.blazepose import BlazePoseMasker
from toolkit.adapters.checkpoint import (
    load_weights,
    pick_device,
    read_checkpoint,
    report_lack_of_memory,
)
from toolkit.adapters.instances import MIN_SCORE, InstanceMasker, Person
from toolkit.errors import ModelError
from toolkit.m2m.types import Array

_PERSON = 1
_MASK_PROBABILITY = 0.5


def load_network(path: Path) -> torch.nn.Module:
    """Return the network with the weights of torchvision's file.

    Raises:
        ModelError: the file is of another network, or not complete: names the first keys.
    """
    weights = read_checkpoint(path)
    if not isinstance(weights, dict):
        raise ModelError(f"{path} holds no weights of Mask R-CNN: run  m2m models fetch")
    model = maskrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, box_score_thresh=MIN_SCORE
    )
    load_weights(model, weights, f"{path} as torchvision's Mask R-CNN R50-FPN v2")
    return model.eval().requires_grad_(requires_grad=False)


class TorchvisionDetector:
    """Finds people and their masks in RGB frames."""

    def __init__(self, path: Path) -> None:
        self._device = pick_device()
        self._model = load_network(path).to(self._device)

    def detect(self, image_HWC: Array) -> list[Person]:
        """Return the people of a uint8 RGB frame, the surest first.

        Raises:
            BackendError: the graphics card has too little memory.
        """
        image = torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).to(self._device).float() / 255
        with torch.inference_mode(), report_lack_of_memory("Mask R-CNN"):
            [found] = self._model([image])
        chosen = (found["labels"] == _PERSON).nonzero().flatten().tolist()
        masks_NHW = (found["masks"][:, 0] >= _MASK_PROBABILITY).cpu().numpy()
        boxes_N4, scores_N = found["boxes"].cpu().numpy(), found["scores"].tolist()
        return [Person(boxes_N4[i], scores_N[i], mask_HW=masks_NHW[i]) for i in chosen]


class TorchvisionMasker(InstanceMasker):
    """Implements ``toolkit.m2m.types.Masker``."""

    models = (*BlazePoseMasker.models, "maskrcnn_resnet50_fpn_v2")

    def _make_detector(self) -> TorchvisionDetector:
        return TorchvisionDetector(models.locate(self.models[-1]))
