"""The profile of the paper from file to clip, with weights that know nothing."""

import json
import pickle
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra paper")
pytest.importorskip("smplx", reason="needs the extra paper")

import torch

from tests.golden import fill_weights
from tests.smplx_file import write_smplx
from tests.videos import write_video
from toolkit import models
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.adapters.maskrcnn.network import MaskRCNN
from toolkit.adapters.osx.network import NO_DECODER, OSX

NUM_FRAMES = 6


def _write_stubs(folder: Path) -> None:
    """Write files of weights under the official names, filled by lot."""
    detector = MaskRCNN()
    fill_weights(detector, "stub", override=[("backbone.bottom_up.*.norm.weight", "mul", 0.2)])
    arrays = {key: entry.numpy() for key, entry in detector.state_dict().items()}
    (folder / "model_final_a3ec72.pkl").write_bytes(pickle.dumps({"model": arrays}, protocol=2))
    inpainter = E2FGVI(is_hq=True)
    fill_weights(inpainter, "stub", ("update_spynet.mean", "update_spynet.std"))
    torch.save(inpainter.state_dict(), folder / "E2FGVI-HQ-CVPR22.pth")
    recoverer = OSX(NO_DECODER, 1024)
    fill_weights(recoverer, "stub")
    weights = {f"module.{key}": entry for key, entry in recoverer.state_dict().items()}
    torch.save({"network": weights}, folder / "osx_l.pth.tar")
    write_smplx(folder / "SMPLX_NEUTRAL.npz")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("weights")
def test_stub_weights_go_through_every_step(tmp_path, actor, run_m2m):
    """Every step is the paper's, the report names the weights, and the clip is held back."""
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in models.names_of_profile("offline"):
        (cache / models.locate(name).name).symlink_to(models.locate(name))
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    _write_stubs(stubs)
    for path in sorted(stubs.iterdir()):
        done = run_m2m("models", "import", str(path), M2M_CACHE=str(cache))
        assert done.returncode == 0, done.stderr
    source = tmp_path / "walk.mp4"
    write_video(source, list(actor.frames_THWC[-NUM_FRAMES:]), fps=8)
    report = tmp_path / "report.json"
    words = ["--profile", "paper", "--report", str(report), "--size", "432x240"]
    done = run_m2m(
        "anonymize", str(source), str(tmp_path / "out.mp4"), *words, M2M_CACHE=str(cache)
    )
    assert done.returncode == 3, done.stdout + done.stderr
    told = json.loads(report.read_text("utf-8"))
    assert told["verdict"] == "quarantined"
    assert told["num_frames"] == NUM_FRAMES
    assert {"mask_rcnn_R_101_FPN_3x", "e2fgvi_hq", "osx_l", "smplx_neutral"} <= set(told["models"])
    assert {"mask", "inpaint", "recover", "render", "check"} <= set(told["stages"])
    assert told["tracks"]
