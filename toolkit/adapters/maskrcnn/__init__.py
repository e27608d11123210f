"""Mask R-CNN R101-FPN 3x, the person masks of the paper: our own implementation.

``MaskRCNNMasker`` adds its people to those that the offline masker finds, in one set of tracks.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from toolkit import models
from toolkit.adapters.blazepose import BlazePoseMasker, Proposal, add_sighting
from toolkit.adapters.checkpoint import load_weights
from toolkit.adapters.detectors import Detection
from toolkit.adapters.landmarks import Region
from toolkit.adapters.maskrcnn.network import PERSON, MaskRCNN, paste_mask
from toolkit.adapters.maskrcnn.pickled import read_arrays
from toolkit.m2m.track import Sighting, merged, same_person
from toolkit.m2m.types import Array

MIN_SCORE = 0.5
_SHORT_SIDE_PX, _LONG_SIDE_PX = 800, 1333
_MIN_PRESENCE = 0.5
_CONSTANTS = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.")
"""What some published files hold besides weights."""


def load_network(path: Path) -> MaskRCNN:
    """Return the network with the weights of a file that detectron2 publishes.

    Raises:
        ModelError: the file is of another network, or not complete: names the first keys.
    """
    with torch.device("meta"):
        empty = MaskRCNN()
    model = empty.to_empty(device="cpu")
    weights = {
        key: torch.from_numpy(array)
        for key, array in read_arrays(path).items()
        if not key.startswith(_CONSTANTS)
    }
    load_weights(model, weights, f"{path} as Mask R-CNN R101-FPN")
    return model.eval().requires_grad_(requires_grad=False)


@dataclass(frozen=True)
class Person(Detection):
    """A person in a frame, with their mask: [H, W] bool."""

    mask_HW: Array | None = None


class PersonDetector:
    """Finds people and their masks in RGB frames."""

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)  # the same numbers on any machine; clips run side by side
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load_network(path).to(self._device)

    def detect(self, image_HWC: Array) -> list[Person]:
        """Return the people of a uint8 RGB frame, the surest first."""
        height, width = image_HWC.shape[:2]
        short, long = sorted((height, width))
        scale = min(_SHORT_SIDE_PX / short, _LONG_SIDE_PX / long)
        size = (int(width * scale + 0.5), int(height * scale + 0.5))
        bgr_HWC = cv2.resize(image_HWC[..., ::-1], size, interpolation=cv2.INTER_LINEAR)
        image = torch.from_numpy(bgr_HWC).permute(2, 0, 1)[None].to(self._device).float()
        with torch.inference_mode():
            [found] = self._model(image, MIN_SCORE)
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


class MaskRCNNMasker(BlazePoseMasker):
    """Implements ``toolkit.m2m.types.Masker``: the offline masker, and who Mask R-CNN sees."""

    models = (*BlazePoseMasker.models, "mask_rcnn_R_101_FPN_3x")

    def __init__(self) -> None:
        super().__init__()
        self._people = PersonDetector(models.locate("mask_rcnn_R_101_FPN_3x"))

    def _proposals(self, image_HWC: Array, index: int) -> list[Proposal]:
        seen = [
            ("maskrcnn", person, Region.around(person.box_xyxy))
            for person in self._people.detect(image_HWC)
        ]
        return [*super()._proposals(image_HWC, index), *seen]

    def _discover(
        self, image_HWC: Array, found: dict[int, Sighting], proposals: list[Proposal]
    ) -> tuple[list[Sighting], list[Sighting]]:
        """Add each mask to the person it is of, or as somebody new."""
        others = [item for item in proposals if not isinstance(item[1], Person)]
        fresh, weak = super()._discover(image_HWC, found, others)
        for _, person, region in proposals:
            if isinstance(person, Person) and person.mask_HW is not None and person.mask_HW.any():
                seen = Sighting(
                    person.mask_HW,
                    person.box_xyxy,
                    None,
                    None,
                    None,
                    person.score,
                    "detected",
                    confirmed=True,
                )
                looked = self._look(image_HWC, region, "detected", _MIN_PRESENCE)
                if looked is not None and same_person(looked, seen):
                    seen = merged(looked, seen)
                add_sighting(seen, found, fresh)
        return fresh, weak
