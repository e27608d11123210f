"""A small project that has come as far as the gate, with real videos, to package and describe."""

import json
import shutil
from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import save

from toolkit.kinetics.table import Row as SourceRow
from toolkit.kinetics.table import write_table
from toolkit.manifest import (
    QUARANTINED,
    RELEASED,
    ChainLink,
    CheckValue,
    ManifestRow,
    write_manifest,
)
from toolkit.qa.checks import load_limits
from toolkit.release.sums import hash_file
from toolkit.shards import Sample, write_shard
from toolkit.stages.clips import make_stage
from toolkit.stages.describe import describe
from toolkit.stages.ingest import list_inputs
from toolkit.stages.package import package
from toolkit.stages.parts import pack_video
from toolkit.stages.project import Project
from toolkit.video import Timing

NAME, LIST = "m2m-kinetics", "kinetics-150"
LABELS = ["walk", "wave"]
SIZE = (64, 48)
NUM_FRAMES, FPS = 4, 8
HELD = "clip0000000_000000_000010"


def quiet(_name: str, _total: int):
    """Show no progress."""
    return lambda _num_done: None


def make_project(folder: Path, root: Path, num_clips: int = 12, **values: object) -> Project:
    """Return a project whose clips have passed the gate, but for the first one.

    Every third clip is of split val; ``values`` replace those of params/tiny.yaml.
    """
    params = yaml.safe_load((root / "params/tiny.yaml").read_text("utf-8"))
    params |= {"standardize": {"width": SIZE[0], "height": SIZE[1]}} | values
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copy(root / "dvc.yaml", folder)
    shutil.copytree(root / "dataset_cards", folder / "dataset_cards")
    (folder / "keys").mkdir()
    (folder / "keys/clip_ids.key").write_text("5c" * 32 + "\n")
    (folder / "source/annotations").mkdir(parents=True)
    project = Project.open(folder)
    rows, lines = [], ["label,youtube_id,time_start,time_end,split"]
    for number in range(num_clips):
        label, split = LABELS[number % 2], "val" if number % 3 == 2 else "train"
        lines.append(f"{label},clip{number:07},0,10,{split}")
        name = f"clip{number:07}_000000_000010"
        rows.append(SourceRow(name, label, split, [], f"{name}.mp4", sha256=f"{number:064x}"))
    (folder / "source/annotations/all.csv").write_text("\n".join(lines) + "\n")
    project.sources_table.parent.mkdir()
    write_table(rows, project.sources_table)
    recipe = {"method": "all", "known_as": None}
    project.classes.write_text(json.dumps({"classes": LABELS, **recipe}))
    return project


def make_release(project: Project, name: str = NAME) -> Path:
    """Let the clips of a project through, package and describe them; returns the release."""
    wanted = project.find_release(name)
    stages: dict[str, dict[str, Sample]] = {}
    if wanted.pixels:
        stages[f"{name}/composite"] = _fill(project, f"{name}/composite", _make_video)
    if wanted.body:
        stages["recover"] = _fill(project, "recover", _make_poses)
    hashes = {
        stage: make_stage(project, stage.rpartition("/")[2], name).config_hash for stage in stages
    }
    rows = [_judge(clip.row, stages, hashes) for clip in list_inputs(project)]
    (project.root / "data" / name).mkdir(exist_ok=True)
    write_manifest(rows, project.table(f"{name}/gate"))
    package(project, quiet, name)
    describe(project, quiet, name)
    return project.release(name)


def _fill(project: Project, stage: str, make) -> dict[str, Sample]:
    project.work(stage).mkdir(parents=True, exist_ok=True)
    shards: dict[str, list[Sample]] = {}
    for number, clip in enumerate(list_inputs(project)):
        shards.setdefault(clip.row.shard, []).append(Sample(clip.row.clip_id, make(number)))
    for shard, samples in shards.items():
        write_shard(project.work(stage) / shard, samples)
    return {sample.key: sample for samples in shards.values() for sample in samples}


def _make_video(number: int) -> dict[str, bytes]:
    """A picture of one grey, brighter from clip to clip."""
    frame_HWC = np.full((SIZE[1], SIZE[0], 3), 40 + 8 * number, np.uint8)
    timing = Timing.constant(NUM_FRAMES, FPS)
    return {"mp4": pack_video([frame_HWC] * NUM_FRAMES, timing, 1.0, crf=18)}


def _make_poses(number: int) -> dict[str, bytes]:
    return {"safetensors": save({"0.betas_10": np.full(10, number, np.float64)})}


def _judge(row, stages: dict[str, dict[str, Sample]], hashes: dict[str, str]) -> ManifestRow:
    held = row.clip_id == HELD
    checks = tuple(
        CheckValue(name, 0.0, limit.value, True, 0, (), limit.severity)
        for name, limit in load_limits().items()
    )
    chain = tuple(
        ChainLink(stage, hashes[stage], samples[row.clip_id].sha256)
        for stage, samples in stages.items()
    )
    return ManifestRow(
        clip_id=row.clip_id, label=row.label, cls=LABELS.index(row.label), split=row.split,
        status=QUARANTINED if held or not stages else RELEASED,
        reason="faces 0.9 over 0.5 in frame 7" if held else "" if stages else "release: a list",
        shard="", sample_sha256="", num_frames=NUM_FRAMES, fps=float(FPS), num_people=1,
        checks=checks if stages else (), source_digest=row.sha256, chain=chain,
    )  # fmt: skip


def hash_all(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}
