"""Mask R-CNN R101-FPN, the detector of the paper, on torchvision's parts.

He et al., "Mask R-CNN", ICCV 2017, with detectron2's conventions and keys: BGR images minus a
mean, boxes x0 y0 x1 y1 px, class 0 is a person. The baselines trained with large-scale jitter (LSJ)
have norms after the pyramid's and the heads' convolutions, and two, four and one more of those:
``configs/new_baselines`` of detectron2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from torchvision.ops import batched_nms, clip_boxes_to_image, roi_align

from toolkit.adapters.maskrcnn.backbone import NUM_CHANNELS, STRIDES, Backbone, make_conv

PERSON = 0
NUM_CLASSES = 80
_MEAN_BGR = (103.530, 116.280, 123.675)
_MULTIPLE_PX = 32
_ANCHOR_SIDES_PX = (32, 64, 128, 256, 512)
_ASPECTS = (0.5, 1.0, 2.0)
_NUM_PROPOSALS = 1000
_MAX_PROPOSAL_IOU = 0.7
_MAX_DETECTION_IOU = 0.5
_MAX_DETECTIONS = 100
_MAX_LOG_SCALE = math.log(1000 / 16)
_BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)


@dataclass(frozen=True)
class Detections:
    """What is found in one image, the surest first.

    Attributes:
        boxes_N4: x0 y0 x1 y1 px.
        scores_N: 0..1.
        classes_N: COCO's 80 classes.
        masks_Nhw: [N, 28, 28] probability of the class within the box.
    """

    boxes_N4: Tensor
    scores_N: Tensor
    classes_N: Tensor
    masks_Nhw: Tensor


class _TwoConvs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(NUM_CHANNELS, NUM_CHANNELS, 3, padding=1)
        self.conv1 = nn.Conv2d(NUM_CHANNELS, NUM_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(F.relu(self.conv0(x)))


class _RpnHead(nn.Module):
    def __init__(self, *, is_lsj: bool) -> None:
        super().__init__()
        plain = make_conv(NUM_CHANNELS, NUM_CHANNELS, 3, is_normed=False)
        self.conv = _TwoConvs() if is_lsj else plain
        self.objectness_logits = nn.Conv2d(NUM_CHANNELS, len(_ASPECTS), 1)
        self.anchor_deltas = nn.Conv2d(NUM_CHANNELS, 4 * len(_ASPECTS), 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.conv(x))
        return self.objectness_logits(x), self.anchor_deltas(x)


class _Proposals(nn.Module):
    """Where something may be, of whatever class."""

    def __init__(self, *, is_lsj: bool) -> None:
        super().__init__()
        self.rpn_head = _RpnHead(is_lsj=is_lsj)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
        """Return boxes [N, 4] px and logits [N] for each image, the likeliest first."""
        boxes, logits, levels = [], [], []
        for level, features in enumerate(maps):
            score, deltas = self.rpn_head(features)
            score = score.permute(0, 2, 3, 1).flatten(1)
            deltas = deltas.unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2).flatten(1, 3)
            best, index = score.topk(min(_NUM_PROPOSALS, score.shape[1]), 1)
            anchors_N4 = make_anchors(features, level)[index]
            chosen = deltas.gather(1, index[..., None].expand(-1, -1, 4))
            boxes.append(apply_deltas(anchors_N4, chosen, (1.0, 1.0, 1.0, 1.0)))
            logits.append(best)
            levels.append(torch.full_like(index, level))
        return [
            _suppress(*one, size)
            for one in zip(
                torch.cat(boxes, 1), torch.cat(logits, 1), torch.cat(levels, 1), strict=True
            )
        ]


def _suppress(
    boxes_N4: Tensor, logits_N: Tensor, levels_N: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    finite_N = boxes_N4.isfinite().all(1) & logits_N.isfinite()
    boxes_N4 = clip_boxes_to_image(boxes_N4, size)
    kept_N = finite_N & (boxes_N4[:, 2:] > boxes_N4[:, :2]).all(1)
    boxes_N4, logits_N, levels_N = boxes_N4[kept_N], logits_N[kept_N], levels_N[kept_N]
    kept = batched_nms(boxes_N4, logits_N, levels_N, _MAX_PROPOSAL_IOU)[:_NUM_PROPOSALS]
    return boxes_N4[kept], logits_N[kept]


def make_anchors(features: Tensor, level: int) -> Tensor:
    """Return the anchors [H * W * 3, 4] px of a map of the pyramid."""
    height, width = features.shape[-2:]
    stride, side = STRIDES[level], _ANCHOR_SIDES_PX[level]
    sizes = [(side / math.sqrt(aspect), side * math.sqrt(aspect)) for aspect in _ASPECTS]
    shapes = torch.tensor([(-w / 2, -h / 2, w / 2, h / 2) for w, h in sizes])
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    corners = stride * torch.stack((x, y, x, y), -1).reshape(-1, 1, 4)
    return (corners + shapes).reshape(-1, 4).to(features)


def apply_deltas(boxes: Tensor, deltas: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Return boxes [..., 4] moved and scaled by what a head says of them: dx dy dw dh."""
    dx, dy, dw, dh = (deltas / deltas.new_tensor(weights)).unbind(-1)
    x0, y0, x1, y1 = boxes.unbind(-1)
    width, height = x1 - x0, y1 - y0
    x, y = x0 + width / 2 + dx * width, y0 + height / 2 + dy * height
    half_width = width * dw.clamp(max=_MAX_LOG_SCALE).exp() / 2
    half_height = height * dh.clamp(max=_MAX_LOG_SCALE).exp() / 2
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), -1)


def pool(maps: Sequence[Tensor], boxes: Sequence[Tensor], side: int) -> Tensor:
    """Return what the pyramid shows in boxes [N, 4] px of each image: [sum of N, C, side, side]."""
    every = torch.cat(list(boxes))
    area = (every[:, 2] - every[:, 0]) * (every[:, 3] - every[:, 1])
    level_N = (4 + torch.log2(area.sqrt() / 224 + 1e-8)).floor().clamp(2, 5) - 2
    image_N = torch.cat([torch.full_like(b[:, :1], i) for i, b in enumerate(boxes)])
    pooled = every.new_zeros(len(every), NUM_CHANNELS, side, side)
    for level, features in enumerate(maps[:4]):
        here = level_N == level
        rois = torch.cat((image_N, every), 1)[here]
        pooled[here] = roi_align(features, rois, side, 1 / STRIDES[level], aligned=True)
    return pooled


class _BoxHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(NUM_CHANNELS * 7 * 7, 1024)
        self.fc2 = nn.Linear(1024, 1024)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))


class _Convs(nn.Module):
    """Four convolutions under the keys NAME1 to NAME4."""

    def __init__(self, name: str, *, is_normed: bool) -> None:
        super().__init__()
        self._names = [f"{name}{index + 1}" for index in range(4)]
        for key in self._names:
            self.add_module(key, make_conv(NUM_CHANNELS, NUM_CHANNELS, 3, is_normed=is_normed))

    def forward(self, x: Tensor) -> Tensor:
        for key in self._names:
            x = F.relu(self.get_submodule(key)(x))
        return x


class _LsjBoxHead(_Convs):
    def __init__(self) -> None:
        super().__init__("conv", is_normed=True)
        self.fc1 = nn.Linear(NUM_CHANNELS * 7 * 7, 1024)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc1(super().forward(x).flatten(1)))


class _BoxPredictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cls_score = nn.Linear(1024, NUM_CLASSES + 1)
        self.bbox_pred = nn.Linear(1024, 4 * NUM_CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls_score(x), self.bbox_pred(x)


class _MaskHead(_Convs):
    def __init__(self, *, is_lsj: bool) -> None:
        super().__init__("mask_fcn", is_normed=is_lsj)
        self.deconv = nn.ConvTranspose2d(NUM_CHANNELS, NUM_CHANNELS, 2, 2)
        self.predictor = nn.Conv2d(NUM_CHANNELS, NUM_CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.predictor(F.relu(self.deconv(super().forward(x))))


class _Heads(nn.Module):
    def __init__(self, *, is_lsj: bool) -> None:
        super().__init__()
        self.box_head = _LsjBoxHead() if is_lsj else _BoxHead()
        self.box_predictor = _BoxPredictor()
        self.mask_head = _MaskHead(is_lsj=is_lsj)


class MaskRCNN(nn.Module):
    """Finds things of COCO's classes in images, with a mask of each.

    ``is_lsj`` tells the baselines trained with large-scale jitter from the first ones.
    """

    def __init__(self, *, is_lsj: bool = False) -> None:
        super().__init__()
        self.backbone = Backbone(is_lsj=is_lsj)
        self.proposal_generator = _Proposals(is_lsj=is_lsj)
        self.roi_heads = _Heads(is_lsj=is_lsj)

    def forward(self, images_N3HW: Tensor, min_score: float) -> list[Detections]:
        """Return what is found in BGR images of 0..255, all of one size."""
        size = images_N3HW.shape[-2:]
        maps = self.backbone(prepare(images_N3HW))
        proposals = self.proposal_generator(maps, size)
        boxes = [boxes_N4 for boxes_N4, _ in proposals]
        logits, deltas = self.roi_heads.box_predictor(self.roi_heads.box_head(pool(maps, boxes, 7)))
        counts = [len(box) for box in boxes]
        found = [
            _choose(*one, size, min_score)
            for one in zip(
                boxes, logits.softmax(1).split(counts), deltas.split(counts), strict=True
            )
        ]
        masks = self.roi_heads.mask_head(pool(maps, [boxes_N4 for boxes_N4, _, _ in found], 14))
        classes = torch.cat([classes_N for _, _, classes_N in found])
        masks = masks[torch.arange(len(masks), device=masks.device), classes].sigmoid()
        of_images = masks.split([len(boxes_N4) for boxes_N4, _, _ in found])
        return [Detections(*one, mask) for one, mask in zip(found, of_images, strict=True)]


def prepare(images_N3HW: Tensor) -> Tensor:
    """Return images less the mean colour, with zeros up to sides that 32 divides."""
    height, width = images_N3HW.shape[-2:]
    centred = images_N3HW - images_N3HW.new_tensor(_MEAN_BGR).view(3, 1, 1)
    return F.pad(centred, (0, -width % _MULTIPLE_PX, 0, -height % _MULTIPLE_PX))


def _choose(
    boxes_N4: Tensor,
    scores_NK: Tensor,
    deltas_NK: Tensor,
    size: tuple[int, int],
    min_score: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and classes of the surest detections of an image."""
    moved = apply_deltas(boxes_N4[:, None], deltas_NK.unflatten(1, (-1, 4)), _BOX_WEIGHTS)
    finite_N = moved.isfinite().all(2).all(1) & scores_NK.isfinite().all(1)
    moved, scores_NK = clip_boxes_to_image(moved[finite_N], size), scores_NK[finite_N, :-1]
    index, classes = (scores_NK > min_score).nonzero(as_tuple=True)
    boxes, scores = moved[index, classes], scores_NK[index, classes]
    kept = batched_nms(boxes, scores, classes, _MAX_DETECTION_IOU)[:_MAX_DETECTIONS]
    return boxes[kept], scores[kept], classes[kept]


def paste_mask(mask_hw: Tensor, box_4: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a detection's mask [H, W] bool in an image of this size."""
    x0, y0, x1, y1 = box_4.tolist()
    y_H = (torch.arange(size[0]) + 0.5 - y0) / max(y1 - y0, 1e-6) * 2 - 1
    x_W = (torch.arange(size[1]) + 0.5 - x0) / max(x1 - x0, 1e-6) * 2 - 1
    grid_HW2 = torch.stack((x_W.expand(size), y_H[:, None].expand(size)), -1).to(mask_hw)
    pasted = F.grid_sample(mask_hw[None, None], grid_HW2[None], align_corners=False)
    return pasted[0, 0] >= 0.5
