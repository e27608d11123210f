"""Every clip of a tree of actors through the stages, two at a time, with what was measured kept.

A result is kept under a hash of all that decides it: the clip, its truth, the profile, the weights
and the code. Running again goes on where it was stopped, and a change of code measures anew.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.stages import composite, inpaint, mask, occlusion, privacy, recover
from benchmarks.stages.baseline import baseline_steps
from benchmarks.stages.run import Metric, run_stages
from toolkit import backends, models
from toolkit.actors.truth import read_truth
from toolkit.config import config_hash, load_profile
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.gate import CHECK_MODELS

Values = dict[str, dict[str, float]]
"""Stage to metric to value, of one clip."""

MEASURES: Mapping[str, Any] = {
    "mask": mask,
    "inpaint": inpaint,
    "recover": recover,
    "composite": composite,
    "occlusion": occlusion,
    "privacy": privacy,
}
UNCHECKED = ("privacy",)
"""What the baseline has not: the paper's recipe checks nothing."""

METRICS: dict[str, dict[str, Metric]] = {
    stage: dict(module.METRICS) for stage, module in MEASURES.items()
}
_NUM_PROCESSES = 2
_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("toolkit/**/*.py", "toolkit/**/*.yaml", "benchmarks/stages/*.py")


@dataclass(frozen=True)
class Job:
    """One clip to measure, and where its result is kept."""

    video: Path
    truth: Path
    profile: str
    is_baseline: bool
    result: Path


def find_clips(folder: Path) -> list[tuple[Path, Path]]:
    """Return video and truth of each clip of a tree, sorted by clip id.

    Raises:
        InputError: the folder holds no truth, or a truth without a video.
    """
    videos = {path.stem: path for path in sorted(folder.rglob("*.mp4"))}
    truths = sorted((folder / "truth").glob("*.npz"))
    if not truths:
        raise InputError(f"{folder} holds no truth/*.npz: make a tree with  m2m actors generate")
    for path in truths:
        if path.stem not in videos:
            raise InputError(f"{path} has no video {path.stem}.mp4: generate the tree again")
    return [(videos[path.stem], path) for path in truths]


def settings_hash(profile: str) -> str:
    """Return the sha256 of the profile, the weights it and the checks need, and the code.

    Raises:
        ConfigError, BackendError, ModelError: one line that says what is missing.
    """
    names = {name for step in _steps(profile).values() for name in getattr(step, "models", ())}
    weights = {name: models.sha256_of(name) for name in sorted(names | set(CHECK_MODELS))}
    for name in weights:
        models.locate(name)
    code = sha256()
    for pattern in _CODE:
        for path in sorted(_ROOT.glob(pattern)):
            code.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return config_hash(load_profile(profile), models=weights, code=code.hexdigest())


def evaluate(
    clips: Sequence[tuple[Path, Path]],
    profile: str,
    work: Path,
    *,
    is_baseline: bool,
    progress: Callable[[int], None],
) -> dict[str, Values]:
    """Measure every clip that has not been measured yet.

    Args:
        clips: video and truth of each.
        profile: name of a profile.
        work: folder that results are kept in.
        is_baseline: take the paper's per-frame recipe instead of the profile's stages.
        progress: called with the number of clips just finished.

    Returns:
        Clip id to values.
    """
    make_folder(work)
    settings = f"{settings_hash(profile)} {is_baseline}"
    jobs = []
    for video, truth in clips:
        result = work / f"{truth.stem}.{_clip_hash(video, truth, settings)[:16]}.json"
        jobs.append(Job(video, truth, profile, is_baseline, result))
    missing = [job for job in jobs if not job.result.exists()]
    progress(len(jobs) - len(missing))
    # A fresh interpreter each: a forked one would share this one's OpenGL.
    with ProcessPoolExecutor(_NUM_PROCESSES, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(measure_clip, job) for job in missing]):
                done.result()
                progress(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {
        job.truth.stem: {
            stage: {name: math.nan if value is None else value for name, value in values.items()}
            for stage, values in json.loads(job.result.read_text("utf-8")).items()
        }
        for job in jobs
    }


def measure_clip(job: Job) -> None:
    """Run the stages on one clip, measure them and write the values; null where there is none."""
    steps = _steps(job.profile)
    if job.is_baseline:
        steps = baseline_steps(steps)
    # The paper's recipe looks at nothing again.
    run = run_stages(job.video, read_truth(job.truth), steps, looks_again=not job.is_baseline)
    values = {
        stage: {
            name: float(value) if math.isfinite(value) else None
            for name, value in module.measure(run).items()
        }
        for stage, module in MEASURES.items()
        if not (job.is_baseline and stage in UNCHECKED)
    }
    with write_output(job.result) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", "utf-8")


def _steps(profile: str) -> dict[str, Any]:
    return {kind: backends.get(kind, name) for kind, name in asdict(load_profile(profile)).items()}


def _clip_hash(video: Path, truth: Path, settings: str) -> str:
    key = sha256(settings.encode())
    for path in (video, truth):
        with path.open("rb") as file:
            key.update(file_digest(file, "sha256").digest())
    return key.hexdigest()
