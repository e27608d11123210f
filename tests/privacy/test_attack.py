"""The attack on a release: it succeeds where nobody was replaced, and not where faces are gone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.body_motion import motion
from tests.conftest import RunM2m
from tests.release.conftest import describe
from tests.review.conftest import make_row
from toolkit import models
from toolkit.actors.generate import ActorClip, generate_clip
from toolkit.errors import ModelError
from toolkit.kinetics.table import Row, write_table
from toolkit.manifest import write_manifest
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import Sample, write_shard
from toolkit.stages.parts import pack_motions, pack_video
from toolkit.video import Timing

FPS, NUM_FRAMES, NUM_CLIPS = 8, 5, 5
SHARD = "data/train-00000-of-00001.tar"


@pytest.fixture(scope="module")
def heads(weights: Callable[[str], Path], actor: ActorClip) -> dict[str, np.ndarray]:
    """The enlarged heads of two actors."""
    weights("centerface")
    try:
        models.fetch(["faceres"])
    except ModelError as error:
        pytest.skip(f"needs the weights of faceres, which cannot be fetched here: {error}")
    other = generate_clip(seed=3, num_frames=12, fps=4)
    return {"ann": _enlarge(actor), "bob": _enlarge(other)}


def _enlarge(clip: ActorClip) -> np.ndarray:
    frame_HWC, mask_HW = clip.frames_THWC[-2], clip.masks_THW[-2]
    rows, columns = np.nonzero(mask_HW)
    top, left = max(int(rows.min()) - 10, 0), max(int(columns.min()) - 20, 0)
    close_HWC = frame_HWC[top : top + 80, left : left + 80]
    return cv2.resize(close_HWC, (256, 256), interpolation=cv2.INTER_CUBIC)


def _film(head_HWC: np.ndarray, number: int) -> bytes:
    """A clip of a head, in a light and at a place that differ from clip to clip."""
    shifted_HWC = np.roll(head_HWC, (2 * number, 3 * number), (0, 1))
    lit_HWC = (shifted_HWC * (1 - 0.04 * number)).astype(np.uint8)
    return pack_video([lit_HWC] * NUM_FRAMES, Timing.constant(NUM_FRAMES, FPS), 1.0, crf=12)


@pytest.fixture
def place(heads: dict[str, np.ndarray], tmp_path: Path, root: Path) -> Path:
    """A project with five clips of each actor, PEOPLE.csv, and a release that replaced nobody."""
    project = tmp_path / "project"
    for folder in ("keys", "source/wave", "data"):
        (project / folder).mkdir(parents=True)
    shutil.copy(root / "params/tiny.yaml", project / "params.yaml")
    (project / "keys/clip_ids.key").write_text("5e" * 32 + "\n")
    (project / "data/classes.json").write_text('{"classes": ["wave"]}')
    videos = {
        f"{who}{number}": _film(head_HWC, number)
        for who, head_HWC in heads.items()
        for number in range(NUM_CLIPS)
    }
    for name, video in videos.items():
        (project / f"source/wave/{name}.mp4").write_bytes(video)
    write_table(
        [Row(name, "wave", "train", [], path=f"wave/{name}.mp4") for name in videos],
        project / "data/ingest.parquet",
    )
    lines = [f"{name}.mp4,{name[:3]}" for name in videos]
    (tmp_path / "people.csv").write_text("\n".join(["clip,person", *lines]) + "\n")
    _release(tmp_path, videos)
    return tmp_path


def _release(place: Path, videos: dict[str, bytes]) -> None:
    pseudonyms = Pseudonyms.from_file(place / "project/keys/clip_ids.key")
    (place / "release/data").mkdir(parents=True, exist_ok=True)
    pose = pack_motions([motion(NUM_FRAMES)])
    samples = sorted(
        (Sample(pseudonyms.publish(n), {"mp4": v, "safetensors": pose}) for n, v in videos.items()),
        key=lambda sample: sample.key,
    )
    write_shard(place / "release" / SHARD, samples)
    rows = [make_row(sample.key, sample_sha256=sample.sha256) for sample in samples]
    write_manifest(rows, place / "release/manifest.parquet")
    describe(place / "release", rows)


def _attack(place: Path, run_m2m: RunM2m, code: int = 0) -> str:
    words = ("attack", "release", "--project", "project", "--people", "people.csv")
    done = run_m2m("privacy", *words, "--json", "attack.json", cwd=place)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_from_success_to_nothing(
    place: Path, heads: dict[str, np.ndarray], run_m2m: RunM2m
) -> None:
    """On the source itself it knows everybody again; without pixels of them it finds no face."""
    told = _attack(place, run_m2m)
    assert told.count("rank 1 in 10 of 10 clips, 100%") == 2
    found = json.loads((place / "attack.json").read_text())
    assert found["source"]["rank1"] == found["released"]["rank1"] == 1.0
    assert found["released_faces"] == 1.0
    assert "released gait   too little to say anything: 0 of 10 clips" in told
    names = [f"{who}{number}" for who in heads for number in range(NUM_CLIPS)]
    _release(place, {name: _film(np.full((256, 256, 3), 90, np.uint8), 0) for name in names})
    told = _attack(place, run_m2m)
    assert "released faces  too little to say anything: 0 of 10 clips" in told
    found = json.loads((place / "attack.json").read_text())
    assert found["source"]["rank1"] == 1.0
    assert found["released"]["rank1"] is None
    assert found["released_faces"] == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip,who\n", "needs the columns clip and person"),
        ("clip,person\nnobody.mp4,ann\n", "line 2: 'nobody.mp4' is no clip of the project"),
        ("clip,person\nann0.mp4,\n", "line 2: names no person"),
        ("clip,person\n", "names no clip that release holds"),
    ],
)
def test_a_table_of_people_that_cannot_be_used(
    place: Path, run_m2m: RunM2m, text: str, said: str
) -> None:
    """One line that says which and why, and nothing is written."""
    (place / "people.csv").write_text(text)
    told = _attack(place, run_m2m, code=2)
    assert said in told
    assert len(told.splitlines()) == 1
    assert not (place / "attack.json").exists()
