"""SAM 2, tiny and of chance: prompts go in, outlines come out, and what it loses is left."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra masks")
pytest.importorskip("torch", reason="needs the extra masks")

import torch
from safetensors.torch import save_file
from transformers import Sam2VideoConfig, Sam2VideoModel

from toolkit.adapters.sam2 import Sam2Outliner, load_network, outline
from toolkit.errors import BackendError, ModelError
from toolkit.frames import FrameStore
from toolkit.m2m.masks import decode_rle, encode_rle
from toolkit.m2m.types import PersonFrame, Track

SIDE_PX = 64
FRAME_HW = (48, 80)


def tiny_config() -> Sam2VideoConfig:
    """Return the shape of a network that runs in no time."""
    grid = SIDE_PX // 16
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE_PX, SIDE_PX],
        "blocks_per_stage": [1, 1, 1, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
        "fpn_hidden_size": 128,
    }
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": SIDE_PX},
        mask_decoder_config={"hidden_size": 128, "mlp_dim": 32, "iou_head_hidden_dim": 32},
        image_size=SIDE_PX,
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[grid, grid],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory):
    """A file of weights of chance."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "sam2.safetensors"
    save_file(dict(Sam2VideoModel(tiny_config()).state_dict()), path)
    return path


@pytest.fixture
def outliner(weights) -> Sam2Outliner:
    """The tiny network."""
    return Sam2Outliner(load_network(weights, tiny_config()))


def make_track(frames: list[int]) -> tuple[Track, FrameStore]:
    """Return somebody who stands in a grey room, and the room."""
    views = FrameStore((*FRAME_HW, 3))
    for _ in range(max(frames) + 1):
        views.append(np.full((*FRAME_HW, 3), 120, np.uint8))
    mask_HW = np.zeros(FRAME_HW, np.uint8)
    mask_HW[10:40, 20:40] = 1
    seen = PersonFrame(
        box_xyxy=np.array((20.0, 10, 40, 40)),
        mask=encode_rle(mask_HW),
        landmarks_K4=None,
        world_K3=None,
        score=0.9,
        source="detected",
    )
    return Track(0, dict.fromkeys(frames, seen), len(frames)), views


def test_boxes_become_outlines(outliner):
    """One mask a frame, of its size, and the same each time; another box, other masks."""
    images = [np.full((*FRAME_HW, 3), 30 * i, np.uint8) for i in range(4)]
    images[0][10:40, 20:40] = 255
    box_xyxy = np.array((20.0, 10, 40, 40))
    masks = list(outliner.follow(images, {0: box_xyxy, 2: box_xyxy}))
    assert [mask.shape for mask in masks] == [FRAME_HW] * 4
    assert all(mask.dtype == bool for mask in masks)
    again = list(outliner.follow(images, {0: box_xyxy, 2: box_xyxy}))
    assert np.array_equal(masks, again)


def test_what_is_seen_is_added_and_what_is_lost_is_left():
    """Holes end a run; each run starts from a box, and boxes come every 16 frames."""
    track, views = make_track([*range(20), 25])
    calls = []

    class Fake:
        def follow(self, images, boxes):
            calls.append((len(images), sorted(boxes)))
            for index in range(len(images)):
                mask_HW = np.zeros(FRAME_HW, bool)
                if index % 2:
                    mask_HW[5:38, 22:45] = True
                else:  # somebody else
                    mask_HW[:4, 70:] = True
                yield mask_HW

    frames = outline(Fake(), track, views)
    assert calls == [(20, [0, 16]), (1, [0])]
    assert frames[0] is track.frames[0]
    assert frames[25] is track.frames[25]
    seen_HW, whole_HW = decode_rle(frames[1].outline), decode_rle(frames[1].mask)
    assert seen_HW.sum() == 33 * 23
    assert whole_HW[39, 20]  # of the mask that was there
    assert whole_HW[5, 44]
    assert frames[1].box_xyxy.tolist() == [20, 5, 45, 40]


def test_the_real_network_takes_a_track(outliner):
    """Whatever weights of chance see, every frame keeps at least its mask."""
    track, views = make_track([0, 1, 2])
    frames = outline(outliner, track, views)
    assert list(frames) == [0, 1, 2]
    for index, frame in frames.items():
        before_HW = decode_rle(track.frames[index].mask).astype(bool)
        assert decode_rle(frame.mask)[before_HW].all()


def test_a_card_with_too_little_memory_is_one_line(outliner, monkeypatch):
    """With what helps, instead of a trace."""

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(outliner, "_model", fail)
    with pytest.raises(
        BackendError, match=r"too little memory for SAM 2: set CUDA_VISIBLE_DEVICES"
    ):
        list(outliner.follow([np.zeros((*FRAME_HW, 3), np.uint8)], {0: np.array((1.0, 1, 9, 9))}))


def test_wrong_weights_are_refused(weights, tmp_path):
    """Of another width, and what is no safetensors at all."""
    with pytest.raises(ModelError, match=r"as SAM 2\.1 Hiera tiny: \d+ entries are missing, too"):
        load_network(weights)
    (tmp_path / "w").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is no file of safetensors"):
        load_network(tmp_path / "w", tiny_config())
