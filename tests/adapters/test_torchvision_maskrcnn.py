"""Mask R-CNN of torchvision as a detector of people."""

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="needs the extra masks")

import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from toolkit.adapters.torchvision_maskrcnn import TorchvisionDetector, load_network
from toolkit.errors import BackendError, ModelError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory):
    """A file of weights of chance, under the official keys."""
    path = tmp_path_factory.mktemp("weights") / "maskrcnn.pth"
    torch.manual_seed(0)
    torch.save(maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict(), path)
    return path


def test_people_are_told_from_other_things(weights, monkeypatch):
    """Of what the network finds, those of class 1, with masks cut at a half, in RGB of 0..1."""
    detector, given = TorchvisionDetector(weights), []
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[..., 0] = 255  # red

    def find(images):
        given.extend(images)
        masks = torch.zeros(3, 1, 40, 60)
        masks[0, 0, 10:20, 30:40], masks[0, 0, 10:20, 40:45] = 0.9, 0.4
        boxes = torch.tensor([[30.0, 10, 45, 20], [0, 0, 9, 9], [1, 2, 3, 4]])
        labels, scores = torch.tensor([1, 18, 1]), torch.tensor([0.9, 0.8, 0.6])
        return [{"boxes": boxes, "labels": labels, "scores": scores, "masks": masks}]

    monkeypatch.setattr(detector, "_model", find)
    first, second = detector.detect(frame)
    assert torch.equal(given[0][:, 0, 0], torch.tensor([1.0, 0, 0]))
    assert first.box_xyxy.tolist() == [30, 10, 45, 20]
    assert (first.score, second.score) == pytest.approx((0.9, 0.6))
    assert first.mask_HW.sum() == 100
    assert first.mask_HW[10:20, 30:40].all()
    assert not second.mask_HW.any()


@pytest.mark.slow
def test_the_network_runs_on_a_frame(weights):
    """With weights of chance it finds anything or nothing, each with a mask of the frame's size."""
    people = TorchvisionDetector(weights).detect(np.full((60, 90, 3), 90, np.uint8))
    assert all(person.mask_HW.shape == (60, 90) for person in people)


def test_a_card_with_too_little_memory_is_one_line(weights, monkeypatch):
    """With what helps, instead of a trace."""
    detector = TorchvisionDetector(weights)

    def fail(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(detector, "_model", fail)
    with pytest.raises(BackendError, match=r"too little memory for Mask R-CNN: set CUDA_VISIBLE_D"):
        detector.detect(np.zeros((8, 8, 3), np.uint8))


def test_wrong_weights_are_refused(weights, tmp_path):
    """By the file's name and the first keys that are missing."""
    content = torch.load(weights, weights_only=True)
    del content["rpn.head.cls_logits.bias"]
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth as torchvision's .*\(rpn\.head\.cls_logits\.bi"):
        load_network(tmp_path / "w.pth")
    torch.save([1], tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth holds no weights of Mask R-CNN"):
        load_network(tmp_path / "w.pth")
