"""What the mini suite pre-trains on: films of actors with their truth, and releases made of them.

Nothing is detected here: the empty scene is the actors' truth, and bodies are posed by their true
joints, so that the releases show what the method gives where all of its steps are right. They are
drawn by the toolkit's own bodies, renderer and composite. ``docs/benchmarks.md`` says what follows.

Nothing here imports torch: bodies are rendered by EGL (docs/architecture.md).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.tasks.mini import film_clip, run_apart, write_film
from toolkit import backends
from toolkit.actors.tree import Clip, TreeConfig, plan
from toolkit.actors.truth import Truth, read_truth, write_truth
from toolkit.anonymize import meshes_of_frames
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.frames import FrameStore
from toolkit.knexus.embed import DEFAULT_ENCODER, RANDOM, make_encoder, pick_frame, seed_of, to_unit
from toolkit.knexus.select import choose, gather
from toolkit.m2m.composite import composite
from toolkit.m2m.skeleton import NUM_JOINTS
from toolkit.m2m.types import Array, Body, BodyMotion, Camera
from toolkit.shards import Sample, shard_name, write_shard
from toolkit.video import decode

POOL = TreeConfig(clips=96, classes=12, seed=100, scene_bias=0.5)
NUM_CHOSEN = 8
"""Classes of a release."""
VERSION = "1.0.0"
"""Of the mini releases."""


@dataclass(frozen=True)
class Condition:
    """A mini release.

    Attributes:
        scene: "source", as filmed; or "empty".
        body: backend of the body that is drawn over it; None: none.
        classes: "random" or "knexus": how its classes are chosen.
    """

    scene: str
    body: str | None = None
    classes: str = "random"


CONDITIONS = {
    "real": Condition("source"),
    "nohuman": Condition("empty"),
    "m2m": Condition("empty", "mannequin"),
    "m2m-knexus": Condition("empty", "mannequin", "knexus"),
    "m2m-noinpaint": Condition("source", "mannequin"),
    "m2m-male": Condition("empty", "anny-male"),
    "m2m-female": Condition("empty", "anny-female"),
}


def film_pool(folder: Path, progress: Callable[[int], None]) -> None:
    """Film the pool: ``CLIP.mp4`` and, beside it, its truth ``CLIP.npz``; those there are kept.

    Raises:
        InputError: the folder cannot be written.
        BackendError: a package or the EGL driver is missing.
    """
    jobs = [(clip, POOL, folder / f"{clip.clip_id}.mp4", keep_truth) for clip in plan(POOL)]
    run_apart(film_clip, jobs, progress)


def keep_truth(truth: Truth, out: Path) -> None:
    """Write the truth of a clip beside it."""
    write_truth(truth, out.with_suffix(".npz"))


def choose_classes(pool: Path) -> dict[str, list[str]]:
    """Return the labels that each way to choose classes takes.

    Raises:
        ModelError: the weights of the encoder are missing.
    """
    clips = plan(POOL)
    labels = sorted({clip.label for clip in clips})
    encoder = make_encoder(DEFAULT_ENCODER)
    vectors_ND = np.stack([to_unit(encoder.embed(_pick_frame(pool, clip))) for clip in clips])
    counts = [sum(clip.label == label for clip in clips) for label in labels]
    evidence = gather(labels, counts, vectors_ND, [clip.label for clip in clips])
    return {
        method: [evidence.labels[i] for i in choose(method, evidence, NUM_CHOSEN, seed=0).chosen]
        for method in ("random", "knexus")
    }


def _pick_frame(pool: Path, clip: Clip) -> Array:
    frames = _read_frames(pool, clip)
    return pick_frame(
        ((lambda frame=frame: frame) for frame in frames), RANDOM, seed_of(clip.clip_id, 0)
    )


def _read_frames(pool: Path, clip: Clip) -> FrameStore:
    return decode(pool / f"{clip.clip_id}.mp4", None).frames


def make_release(
    name: str, labels: Sequence[str], pool: Path, folder: Path, progress: Callable[[int], None]
) -> None:
    """Make a mini release: one shard with the clips of some classes, numbered by ``labels``.

    Raises:
        InputError: there is no such condition, or the folder cannot be written.
        BackendError: a package or the EGL driver is missing.
    """
    if name not in CONDITIONS:
        raise InputError(f"unknown condition '{name}': choose one of {', '.join(CONDITIONS)}")
    clips = [clip for clip in plan(POOL) if clip.label in labels]
    drawn = folder / "clips"
    jobs = [(CONDITIONS[name], clip, pool, drawn / f"{clip.clip_id}.mp4") for clip in clips]
    run_apart(draw_clip, jobs, progress)
    samples = []
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        video = drawn / f"{clip.clip_id}.mp4"
        about = json.dumps({"label": clip.label}).encode()
        cls = str(labels.index(clip.label)).encode()
        samples.append(Sample(clip.clip_id, {"mp4": video.read_bytes(), "cls": cls, "json": about}))
    make_folder(folder / "data")
    write_shard(folder / "data" / shard_name("train", 0, 1), samples)
    for sample in samples:
        (drawn / f"{sample.key}.mp4").unlink()
    drawn.rmdir()


def draw_clip(condition: Condition, clip: Clip, pool: Path, out: Path) -> None:
    """Write one clip of the pool as a condition shows it, unless it is there."""
    if out.exists():
        return
    cv2.setNumThreads(1)
    truth = read_truth(pool / f"{clip.clip_id}.npz")
    frames = _read_frames(pool, clip)
    if condition.scene == "empty":
        shown = [truth.background_HWC(index) for index in range(len(frames))]
    else:
        shown = list(frames)
    if condition.body:
        shown = list(_draw_bodies(_make_body(condition.body), truth, shown))
    write_film(np.stack(shown), out)


@cache
def _make_body(name: str) -> Body:
    body: Body = backends.get("body", name)()
    return body


def _draw_bodies(body: Body, truth: Truth, shown: Sequence[Array]) -> Iterator[Array]:
    """Yield frames with a body in the true pose of each person."""
    height, width = shown[0].shape[:2]
    camera = Camera(*(float(value) for value in truth.camera_4), width, height)
    motions = [make_motion(truth, person) for person in range(len(truth.joints_PTJ3))]
    renderer = backends.get("render", "pyrender")(camera)
    try:
        frames = meshes_of_frames(body, motions, len(shown), camera)
        for meshes, frame_HWC in zip(frames, shown, strict=True):
            yield composite(renderer.render(meshes)[0], frame_HWC)
    finally:
        renderer.close()


def make_motion(truth: Truth, person: int) -> BodyMotion:
    """Return how a person truly moves, as parameters of the bodies."""
    local_TJ33 = truth.local_PTJ33[person].astype(float)
    local_TJ33[:, 0] = truth.rotation_T33 @ local_TJ33[:, 0]
    rotvecs_TJ3 = Rotation.from_matrix(local_TJ33.reshape(-1, 3, 3)).as_rotvec()
    rotvecs_TJ3 = rotvecs_TJ3.reshape(-1, NUM_JOINTS, 3)
    num_frames = len(local_TJ33)
    return BodyMotion(
        track_id=person,
        frames_T=np.arange(num_frames),
        global_orient_T3=rotvecs_TJ3[:, 0],
        body_pose_T63=rotvecs_TJ3[:, 1:].reshape(num_frames, -1),
        left_hand_pose_T45=np.zeros((num_frames, 45)),
        right_hand_pose_T45=np.zeros((num_frames, 45)),
        betas_10=np.zeros(10),
        transl_T3=truth.joints_PTJ3[person, :, 0].astype(float) - _find_pelvis(),
        observed_TJ=np.ones((num_frames, NUM_JOINTS), bool),
    )


@cache
def _find_pelvis() -> Array:
    """Where the mannequin at rest has its pelvis, [3] m."""
    from mannequin import Mannequin

    body = Mannequin("wooden")
    return np.asarray(body.joint_transforms(body.rest_pose())[0, :3, 3], float)


def write_json(path: Path, values: object) -> None:
    """Write JSON, whole or not at all, and the folder above it."""
    make_folder(path.parent)
    with write_output(path) as partial:
        partial.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
