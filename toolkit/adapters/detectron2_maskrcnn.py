"""Mask R-CNN R101-FPN 3x run by detectron2 itself, for those who have it.

``maskrcnn-r101`` is the same network without that package. This one has not been run by us: no
detectron2 can be installed beside the PyTorch that the toolkit is tested with.
"""

import numpy as np
from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.engine import DefaultPredictor

from toolkit import models
from toolkit.adapters.blazepose import BlazePoseMasker
from toolkit.adapters.checkpoint import pick_device, report_lack_of_memory
from toolkit.adapters.instances import MIN_SCORE, InstanceMasker, Person
from toolkit.m2m.types import Array

_CONFIG = "COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x.yaml"
_PERSON = 0


class Detectron2Detector:
    """Finds people and their masks in RGB frames."""

    def __init__(self) -> None:
        config = get_cfg()
        config.merge_from_file(model_zoo.get_config_file(_CONFIG))
        config.MODEL.WEIGHTS = str(models.locate("mask_rcnn_R_101_FPN_3x"))
        config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = MIN_SCORE
        config.MODEL.DEVICE = str(pick_device())
        self._predict = DefaultPredictor(config)

    def detect(self, image_HWC: Array) -> list[Person]:
        """Return the people of a uint8 RGB frame, the surest first.

        Raises:
            BackendError: the graphics card has too little memory.
        """
        with report_lack_of_memory("Mask R-CNN"):
            found = self._predict(np.ascontiguousarray(image_HWC[..., ::-1]))["instances"].to("cpu")
        people = found[found.pred_classes == _PERSON]
        parts = (people.pred_boxes.tensor, people.scores, people.pred_masks)
        return [
            Person(box_4.numpy(), float(score), mask_HW=mask_HW.numpy())
            for box_4, score, mask_HW in zip(*parts, strict=True)
        ]


class Detectron2Masker(InstanceMasker):
    """Implements ``toolkit.m2m.types.Masker``."""

    models = (*BlazePoseMasker.models, "mask_rcnn_R_101_FPN_3x")

    def _make_detector(self) -> Detectron2Detector:
        return Detectron2Detector()
