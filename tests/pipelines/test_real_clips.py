"""A release of clips that people filmed, built for real, and what trains on it.

The clips and what is made of them stay in the folder of the test.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import RunM2m
from tests.pipelines.conftest import Dvc, MakeProject

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("timm", reason="needs the extra train")

NAME = "m2m-kinetics"
CLIPS = {
    "kicking": "set1_seq09_kicking_50.avi",
    "pointing": "set1_seq09_pointing_48.avi",
}

_READ = """
import sys
from datasets import Video, load_dataset

import toolkit

folder = sys.argv[1]
clips = {clip.clip_id: clip.label for clip in toolkit.load_release(folder)}
assert sorted(clips.values()) == ["kicking", "pointing"], clips
for streaming in (False, True):
    found = load_dataset(folder, split="train", streaming=streaming)
    found = list(found.cast_column("mp4", Video(decode=False)))
    assert {clip["json"]["clip_id"]: clip["json"]["label"] for clip in found} == clips
    assert all(len(clip["mp4"]["bytes"]) > 10_000 for clip in found)
"""

_TRAIN = """
import sys
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

import toolkit
from benchmarks.recipes import smoke
from benchmarks.videomae import Classifier

size = smoke().size

def collate(clips):
    videos = [torch.from_numpy(clip.frames_THWC[: size.num_frames].copy()) for clip in clips]
    video_BTCHW = torch.stack(videos).permute(0, 1, 4, 2, 3).float() / 255
    small = F.interpolate(video_BTCHW.flatten(0, 1), (size.side_px, size.side_px))
    video_BCTHW = small.unflatten(0, video_BTCHW.shape[:2]).transpose(1, 2)
    return video_BCTHW, torch.tensor([clip.cls for clip in clips])

if __name__ == "__main__":
    torch.manual_seed(0)
    model = Classifier(size, 2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    clips = toolkit.load_release(sys.argv[1], seed=0)
    ((video, cls),) = DataLoader(clips, batch_size=2, num_workers=0, collate_fn=collate)
    before = F.cross_entropy(model(video), cls)
    before.backward()
    optimiser.step()
    assert F.cross_entropy(model(video), cls) < before
"""


def _run(*words: str, folder: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    command = [sys.executable, *words]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)  # three minutes on two cores that do nothing else
@pytest.mark.usefixtures("weights")
def test_a_release_of_real_clips_is_loaded_and_trains(
    tmp_path: Path, shared_dir: Path, make_project: MakeProject, dvc: Dvc, run_m2m: RunM2m
) -> None:
    """Both are released; datasets, load_release and VideoMAE read them, and a batch trains."""
    project = make_project(tmp_path / "project", [NAME])
    shutil.rmtree(project / "source")
    for label, name in CLIPS.items():
        (project / "source" / label).mkdir(parents=True)
        shutil.copy(shared_dir / "clips/ut_interaction" / name, project / "source" / label)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["source"]["name"] = "kinetics"  # the terms are the same: research, and the uploaders'
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    dvc(project, "repro")
    release = project / "release" / NAME
    assert run_m2m("verify", str(release)).returncode == 0
    _run("-c", _READ, str(release), folder=tmp_path)
    _run("-c", _TRAIN, str(release), folder=tmp_path)
    words = ("-m", "benchmarks.train", "pretrain", "--recipe", "smoke", "--data", str(release))
    _run(*words, "--out", str(tmp_path / "run"), folder=tmp_path)
    assert (tmp_path / "run/model.safetensors").stat().st_size
