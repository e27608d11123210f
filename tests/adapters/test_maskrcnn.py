"""Mask R-CNN R101-FPN beside the official code's outputs, and its weights."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra paper")

import torch

from tests.golden import compare_numbers, distance, draw_clip, fill_weights, read_golden, strided
from toolkit.adapters.maskrcnn import MaskRCNNDetector, load_network
from toolkit.adapters.maskrcnn.network import MaskRCNN, paste_mask, pool, prepare
from toolkit.adapters.maskrcnn.pickled import read_arrays
from toolkit.errors import BackendError, ModelError

_OVERRIDE = [
    ("backbone.bottom_up.stem.conv1.weight", "mul", 0.02),
    ("backbone.bottom_up.*.conv3.norm.weight", "mul", 0.2),
]


def make_network(salt: str, override: list[tuple[str, str, float]]) -> MaskRCNN:
    """Return a network with the weights that the salt decides."""
    model = MaskRCNN().eval()
    fill_weights(model, salt, override=override)
    return model


@torch.inference_mode()
def test_golden_detections_equal_the_official_code(golden_dir, golden_salt):
    """Pyramid, proposals, heads and detections of an image."""
    about, golden = read_golden(golden_dir, "mask_rcnn_R_101_FPN_3x", golden_salt)
    model = make_network(golden_salt, about["weights"]["override"])
    clip = draw_clip("detectron2_image", (1, 240, 432), golden_salt)
    image = torch.from_numpy(clip).permute(0, 3, 1, 2).float()
    maps = model.backbone(prepare(image))
    for level, features in enumerate(maps):
        logits, deltas = model.proposal_generator.rpn_head(features)
        for name, output in (
            (f"fpn_p{level + 2}", features),
            (f"rpn_logits_{level}", logits),
            (f"rpn_deltas_{level}", deltas),
        ):
            assert distance(strided(about, name, output), golden[name]) < 1e-4, name
    [(boxes, logits)] = model.proposal_generator(maps, (240, 432))
    assert len(boxes) == golden["proposal_count"][0]
    assert distance(boxes[:100], golden["proposal_boxes_top100"]) < 1e-2
    assert distance(logits[:100], golden["proposal_logits_top100"]) < 1e-4
    fixed = [torch.from_numpy(golden["fixed_boxes"])]
    heads = model.roi_heads
    scores, deltas = heads.box_predictor(heads.box_head(pool(maps, fixed, 7)))
    assert distance(scores, golden["box_cls_logits"]) < 1e-4
    assert distance(deltas, golden["box_deltas"]) < 1e-4
    masks = heads.mask_head(pool(maps, fixed, 14))
    assert distance(masks[:, 0], golden["mask_logits_person"]) < 1e-4
    [found] = model(image, 0.5)
    assert len(found.boxes_N4) == golden["det_count"][0]
    assert distance(found.boxes_N4, golden["det_boxes"]) < 1e-2
    assert distance(found.scores_N, golden["det_scores"]) < 1e-4
    assert np.array_equal(found.classes_N.numpy(), golden["det_classes"])


def make_pickle(path: Path, content: object) -> Path:
    """Write a file as detectron2 does."""
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def test_weights_come_from_the_published_pickle(tmp_path):
    """Every entry is taken by its key; what else the file says is left."""
    with torch.device("meta"):
        shapes = {key: tuple(entry.shape) for key, entry in MaskRCNN().state_dict().items()}
    arrays = {key: np.full(shape, i, np.float32) for i, (key, shape) in enumerate(shapes.items())}
    extra = {"pixel_mean": np.zeros((3, 1, 1), np.float32)}
    path = make_pickle(tmp_path / "w.pkl", {"model": arrays | extra, "__author__": "somebody"})
    loaded = load_network(path).state_dict()
    assert all((entry == i).all() for i, entry in enumerate(loaded.values()))
    del arrays["roi_heads.box_head.fc1.bias"]
    with pytest.raises(ModelError, match=r"lacks 1 of 562 entries \(roi_heads.box_head.fc1.bias\)"):
        load_network(make_pickle(path, {"model": arrays}))


def test_the_longer_baseline_is_told_by_its_keys(tmp_path):
    """Norms in pyramid and heads; two convolutions for proposals, four for boxes."""
    with torch.device("meta"):
        shapes = {k: tuple(e.shape) for k, e in MaskRCNN(is_lsj=True).state_dict().items()}
    plain = {key.rpartition(".")[0] for key in shapes}
    assert {
        "backbone.fpn_lateral2.norm",
        "backbone.fpn_output5.norm",
        "proposal_generator.rpn_head.conv.conv1",
        "roi_heads.box_head.conv4.norm",
        "roi_heads.box_head.fc1",
        "roi_heads.mask_head.mask_fcn4.norm",
    } <= plain
    assert not {key for key in shapes if key.startswith("roi_heads.box_head.fc2")}
    assert "backbone.fpn_lateral2.bias" not in shapes
    arrays = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    model = load_network(make_pickle(tmp_path / "w.pkl", {"model": arrays}))
    assert model.state_dict().keys() == shapes.keys()
    del arrays["roi_heads.box_head.conv1.norm.weight"]
    with pytest.raises(ModelError, match=r"large-scale jitter: .*lacks 1 of .*conv1\.norm\.weight"):
        load_network(make_pickle(tmp_path / "w.pkl", {"model": arrays}))


@torch.inference_mode()
def test_the_longer_baseline_runs():
    """Each head takes what the one before makes."""
    model = MaskRCNN(is_lsj=True).eval()
    fill_weights(model, "m2m", override=_OVERRIDE)
    boxes = [torch.tensor([[10.0, 5, 60, 50]])]
    maps = model.backbone(torch.zeros(1, 3, 64, 96))
    [(found, _)] = model.proposal_generator(maps, (64, 96))
    assert found.shape[1] == 4
    assert model.roi_heads.box_head(pool(maps, boxes, 7)).shape == (1, 1024)
    assert model.roi_heads.mask_head(pool(maps, boxes, 14)).shape == (1, 80, 28, 28)


def test_a_card_with_too_little_memory_is_one_line():
    """With what helps, instead of a trace."""
    detector = MaskRCNNDetector.__new__(MaskRCNNDetector)
    detector._device = torch.device("cpu")

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    detector._model = fail
    with pytest.raises(BackendError, match=r"too little memory for Mask R-CNN: set CUDA_VISIBLE_D"):
        detector.detect(np.zeros((8, 8, 3), np.uint8))


class _Command:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._path}",)


def test_a_malicious_pickle_is_refused(tmp_path):
    """A file that asks for a function is refused, by the function's name, and nothing is run."""
    touched = tmp_path / "touched"
    path = make_pickle(tmp_path / "w.pkl", {"model": {"a": _Command(touched)}})
    with pytest.raises(ModelError, match=r"is refused: .*asks for posix.system"):
        read_arrays(path)
    assert not touched.exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1])])
def test_other_files_are_refused(tmp_path, content):
    """What holds no weights is refused in one line."""
    path = tmp_path / "w.pkl"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.pkl (is refused|holds no weights)"):
        read_arrays(path)


@torch.inference_mode()
def test_numbers_of_our_own():
    """A small image and weights of our own salt give what they gave when all equalled."""
    model = make_network("m2m", _OVERRIDE)
    image = torch.from_numpy(draw_clip("image", (1, 64, 96), "m2m")).permute(0, 3, 1, 2).float()
    maps = model.backbone(prepare(image))
    boxes = [torch.tensor([[10.0, 5, 60, 50], [0, 0, 96, 64]])]
    compare_numbers("maskrcnn p2", maps[0], 1e-4)
    compare_numbers("maskrcnn box", model.roi_heads.box_head(pool(maps, boxes, 7)), 1e-4)
    masks = model.roi_heads.mask_head(pool(maps, boxes, 14))
    compare_numbers("maskrcnn mask", masks[:, 0], 1e-4)


def test_a_mask_is_pasted_where_its_box_is():
    """A full mask fills its box and nothing else, also where the box reaches beyond the frame."""
    mask_HW = paste_mask(torch.ones(28, 28), torch.tensor([-10.0, 4, 20, 30]), (40, 50)).numpy()
    rows, columns = np.nonzero(mask_HW)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 29, 0, 19)
    assert mask_HW.sum() == 26 * 20
