"""Mask R-CNN R101-FPN, the person masks of the paper: our own implementation."""

from pathlib import Path

import cv2
import torch

from toolkit import models
from toolkit.adapters.blazepose import BlazePoseMasker
from toolkit.adapters.checkpoint import load_weights, pick_device, report_lack_of_memory
from toolkit.adapters.instances import MIN_SCORE, InstanceMasker, Person
from toolkit.adapters.maskrcnn.network import PERSON, MaskRCNN, paste_mask
from toolkit.adapters.maskrcnn.pickled import read_arrays
from toolkit.m2m.types import Array

_SHORT_SIDE_PX, _LONG_SIDE_PX = 800, 1333
_CONSTANTS = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.")
"""What some published files hold besides weights."""


def load_network(path: Path) -> MaskRCNN:
    """Return the network with the weights of a file that detectron2 publishes.

    Its keys tell whether it is of the 3x schedule, or of one with large-scale jitter (LSJ).

    Raises:
        ModelError: the file is of another network, or not complete: names the first keys.
    """
    weights = {
        key: torch.from_numpy(array)
        for key, array in read_arrays(path).items()
        if not key.startswith(_CONSTANTS)
    }
    is_lsj = "backbone.fpn_lateral2.norm.weight" in weights
    with torch.device("meta"):
        empty = MaskRCNN(is_lsj=is_lsj)
    model = empty.to_empty(device="cpu")
    what = "Mask R-CNN R101-FPN with large-scale jitter" if is_lsj else "Mask R-CNN R101-FPN"
    load_weights(model, weights, f"{path} as {what}")
    return model.eval().requires_grad_(requires_grad=False)


class MaskRCNNDetector:
    """Finds people and their masks in RGB frames."""

    def __init__(self, path: Path) -> None:
        self._device = pick_device()
        self._model = load_network(path).to(self._device)

    def detect(self, image_HWC: Array) -> list[Person]:
        """Return the people of a uint8 RGB frame, the surest first.

        Raises:
            BackendError: the graphics card has too little memory.
        """
        height, width = image_HWC.shape[:2]
        short, long = sorted((height, width))
        scale = min(_SHORT_SIDE_PX / short, _LONG_SIDE_PX / long)
        size = (int(width * scale + 0.5), int(height * scale + 0.5))
        bgr_HWC = cv2.resize(image_HWC[..., ::-1], size, interpolation=cv2.INTER_LINEAR)
        image = torch.from_numpy(bgr_HWC).permute(2, 0, 1)[None]
        with torch.inference_mode(), report_lack_of_memory("Mask R-CNN"):
            [found] = self._model(image.to(self._device).float(), MIN_SCORE)
        people = []
        back = torch.tensor((width / size[0], height / size[1])).repeat(2)
        for box, score, kind, mask_hw in zip(
            found.boxes_N4.cpu(),
            found.scores_N,
            found.classes_N,
            found.masks_Nhw.cpu(),
            strict=True,
        ):
            if kind == PERSON:
                mask_HW = paste_mask(mask_hw, box * back, (height, width)).numpy()
                people.append(Person((box * back).numpy(), float(score), mask_HW=mask_HW))
        return people


class MaskRCNNMasker(InstanceMasker):
    """The masks of the paper: R101-FPN, 3x schedule."""

    models = (*BlazePoseMasker.models, "mask_rcnn_R_101_FPN_3x")

    def _make_detector(self) -> MaskRCNNDetector:
        return MaskRCNNDetector(models.locate(self.models[-1]))


class MaskRCNNLsjMasker(MaskRCNNMasker):
    """The same network trained longer, with large-scale jitter: detectron2's newer baseline."""

    models = (*BlazePoseMasker.models, "mask_rcnn_R_101_FPN_400ep_LSJ")
