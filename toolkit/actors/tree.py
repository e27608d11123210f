"""A data set of actors, laid out like Kinetics, with the truth of every clip beside it.

annotations/{train,val,test}.csv        label, youtube_id, time_start, time_end, split, is_cc
{train,val,test}/LABEL/ID_000000_00000N.mp4
truth/ID_000000_00000N.npz              toolkit.actors.truth
actors.json                             what was asked for
contact_sheet.png
"""

import base64
import csv
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from toolkit.actors.bodies import Phenotype, cast, load_body
from toolkit.actors.film import Actor, film
from toolkit.actors.motions import ACTIONS, Motion, act, walk_across
from toolkit.actors.outfits import Outfit
from toolkit.actors.rig import rest_joints
from toolkit.actors.scenes import KINDS, Scene, make_scene
from toolkit.actors.truth import Truth, write_truth
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.m2m.types import Array
from toolkit.video import Timing
from toolkit.video_encode import encode

SIZE = (432, 240)
NUM_FRAMES = 48
FPS = 16
SPLITS = ("train", "test", "train", "val", "train")
"""Of the clips of a class, in turn."""


@dataclass(frozen=True)
class Format:
    """How clips are filmed: width and height in px, frames, and frames per second."""

    size: tuple[int, int] = SIZE
    num_frames: int = NUM_FRAMES
    fps: int = FPS


FORMAT = Format()

_CAMERAS = {"still": 0.5, "pan": 0.2, "shake": 0.2, "dolly": 0.1}
_OCCLUDED, _PASSED_BY = 0.15, 0.25
"""Share of clips with an object in front; of those of one person, in which another one passes."""
_HALF = 0.5
_SHEET_CLIPS, _SHEET_FRAMES, _TILE_PX = 12, 6, (144, 80)


@dataclass(frozen=True)
class TreeConfig:
    """What to generate.

    Attributes:
        clips: how many.
        classes: how many actions, the first so many by name.
        seed: chooses everything else.
        gender_bias: 0.5 for none, up to 1. In every second class this share of the actors of train
            and val are men, in the others women; in test it is the other way round (the paper's
            Table 3).
        scene_bias: 0 to 1, how often a clip shows its class's own scene and objects instead of any
            class's.
    """

    clips: int
    classes: int
    seed: int = 0
    gender_bias: float = 0.5
    scene_bias: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("clips", 1, 10**6),
            ("classes", 1, len(ACTIONS)),
            ("seed", 0, 2**32),
            ("gender_bias", 0.5, 1),
            ("scene_bias", 0, 1),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                raise InputError(f"{name} is {value}: choose a number from {low} to {high}")


def read_bias(text: str) -> float:
    """Read ``gender=0.9``.

    Raises:
        InputError: it is something else.
    """
    name, _, number = text.partition("=")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if name != "gender" or math.isnan(share):
        raise InputError(f"--bias is {text}: write gender=SHARE, as in gender=0.9")
    return share


@dataclass(frozen=True)
class Clip:
    """One clip to generate: its place in the tree, and its part of the seed."""

    clip_id: str
    label: str
    split: str
    class_index: int
    seed: int

    @property
    def path(self) -> Path:
        """Where the clip lies in the tree."""
        return Path(self.split, self.label, f"{self.clip_id}.mp4")


def plan(config: TreeConfig) -> list[Clip]:
    """List the clips of a data set; the same config gives the same list."""
    names = list(ACTIONS)[: config.classes]
    end_s = math.ceil(NUM_FRAMES / FPS)
    clips = []
    for index in range(config.clips):
        digest = hashlib.sha256(json.dumps([asdict(config), index]).encode()).digest()
        youtube_id = base64.urlsafe_b64encode(digest)[:11].decode()
        class_index = index % len(names)
        clips.append(
            Clip(
                clip_id=f"{youtube_id}_{0:06d}_{end_s:06d}",
                label=names[class_index].replace("_", " "),
                split=SPLITS[index // len(names) % len(SPLITS)],
                class_index=class_index,
                seed=int.from_bytes(digest[-6:], "big"),
            )
        )
    return clips


def generate_tree(folder: Path, config: TreeConfig, progress: Callable[[int], None]) -> None:
    """Write a data set of actors; clips that are there already are kept.

    The same config gives the same bytes, on any number of cores.

    Args:
        folder: made where there is none.
        config: what to generate.
        progress: called with the number of clips just finished.

    Raises:
        InputError: the folder holds another data set, or cannot be written.
        BackendError: a package or the EGL driver is missing.
    """
    make_folder(folder)
    _claim(folder, config)
    clips = plan(config)
    missing = [clip for clip in clips if not (folder / clip.path).exists()]
    progress(len(clips) - len(missing))
    # A fresh interpreter each: a forked one would share this one's OpenGL.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(_generate, folder, c, config) for c in missing]):
                done.result()
                progress(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _write_annotations(folder, clips)
    _write_sheet(folder, clips)


def _claim(folder: Path, config: TreeConfig) -> None:
    """Write down what the folder holds, or check that it holds just that."""
    path = folder / "actors.json"
    wanted = json.dumps(asdict(config), indent=2, sort_keys=True) + "\n"
    if path.exists():
        if path.read_text("utf-8") != wanted:
            raise InputError(
                f"{folder} holds actors made with other options (actors.json): name another folder"
            )
        return
    if any(folder.iterdir()):
        raise InputError(f"{folder} holds other files: name an empty folder or a new one")
    with write_output(path) as partial:
        partial.write_text(wanted, "utf-8")


def _generate(folder: Path, clip: Clip, config: TreeConfig) -> None:
    """Film one clip. The video comes last: where it is, the truth is too."""
    cv2.setNumThreads(1)
    frames_THWC, truth = stage(clip, config)
    write_truth(truth, folder / "truth" / f"{clip.clip_id}.npz")
    out = folder / clip.path
    make_folder(out.parent)
    with write_output(out) as partial:
        encode(frames_THWC, partial, Timing.constant(NUM_FRAMES, FPS))


def stage(clip: Clip, config: TreeConfig, form: Format = FORMAT) -> tuple[Array, Truth]:
    """Cast, set and film one clip: its frames [T, H, W, 3] uint8, and what is true of them."""
    rng = np.random.default_rng([config.seed, clip.seed])
    action = clip.label.replace(" ", "_")
    heading = 0.0 if ACTIONS[action].num_people > 1 else float(rng.uniform(-0.6, 0.6))
    scene, about_scene = _set_scene(rng, clip, config, heading, form)
    people = [_cast(rng, clip, config) for _ in range(ACTIONS[action].num_people)]
    bodies = [load_body(phenotype, outfit) for phenotype, outfit in people]
    motions = act(action, [rest_joints(body) for body in bodies], form.num_frames, form.fps, rng)
    motions = [motion.placed(np.zeros(3), heading) for motion in motions]
    if len(motions) == 1 and rng.random() < _PASSED_BY:
        people.append(_cast(rng, clip, config))
        bodies.append(load_body(*people[-1]))
        motions.append(_pass_by(rng, rest_joints(bodies[-1]), scene, form))
    actors = [
        Actor(body, motion, prop_seed=index)
        for index, (body, motion) in enumerate(zip(bodies, motions, strict=True))
    ]
    info = {
        "clip_id": clip.clip_id,
        "action": clip.label,
        "split": clip.split,
        "seed": clip.seed,
        "people": [asdict(phenotype) for phenotype, _ in people],
        **about_scene,
    }
    return film(scene, actors, form.fps, info)


def _cast(rng: np.random.Generator, clip: Clip, config: TreeConfig) -> tuple[Phenotype, Outfit]:
    """Choose a person, of the gender that the bias asks for."""
    mostly_men = (clip.class_index % 2 == 0) != (clip.split == "test")
    share_men = config.gender_bias if mostly_men else 1 - config.gender_bias
    return cast(rng, 0.0 if rng.random() < share_men else 1.0)


def _set_scene(
    rng: np.random.Generator, clip: Clip, config: TreeConfig, heading: float, form: Format
) -> tuple[Scene, dict[str, str | bool]]:
    """Choose place, objects and camera; a biased scene is that of the clip's class."""
    names = list(ACTIONS)[: config.classes]
    own = rng.random() < config.scene_bias
    shown_class = clip.class_index if own else int(rng.integers(len(names)))
    kind = KINDS[shown_class % len(KINDS)]
    # What an action needs is always there; other objects tell of the class that is shown.
    needed = ACTIONS[names[clip.class_index]].props
    props = tuple(dict.fromkeys((*needed, *ACTIONS[names[shown_class]].props)))
    camera_motion = str(rng.choice(list(_CAMERAS), p=list(_CAMERAS.values())))
    occluded = bool(rng.random() < _OCCLUDED)
    scene = make_scene(
        rng,
        form.size,
        form.num_frames,
        kind=kind,
        camera_motion=camera_motion,
        props=props,
        heading=heading,
        occluder=occluded,
    )
    return scene, {"scene": kind, "camera": camera_motion, "occluder": occluded}


def _pass_by(rng: np.random.Generator, rest_J3: Array, scene: Scene, form: Format) -> Motion:
    """Somebody who walks across, farther away than the actor or nearer."""
    depth = scene.stage.z_min if rng.random() < _HALF else scene.stage.z_max
    motion = walk_across(rest_J3, form.num_frames, form.fps, rng, to_left=bool(rng.integers(2)))
    return motion.placed(np.array([0.0, 0.0, depth]), 0.0)


def _write_annotations(folder: Path, clips: Sequence[Clip]) -> None:
    """Write a table a split, as Kinetics has them."""
    make_folder(folder / "annotations")
    for split in dict.fromkeys(SPLITS):
        with (
            write_output(folder / "annotations" / f"{split}.csv") as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("label", "youtube_id", "time_start", "time_end", "split", "is_cc"))
            for clip in sorted(clips, key=lambda clip: (clip.label, clip.clip_id)):
                if clip.split == split:
                    youtube_id, start, end = clip.clip_id.rsplit("_", 2)
                    rows.writerow((clip.label, youtube_id, int(start), int(end), split, 0))


def _write_sheet(folder: Path, clips: Sequence[Clip]) -> None:
    """Draw some frames of some clips, a clip a row."""
    from toolkit.video import decode

    rows = []
    for clip in clips[:_SHEET_CLIPS]:
        frames = decode(folder / clip.path, None).frames
        indices = np.linspace(0, NUM_FRAMES - 1, _SHEET_FRAMES).round().astype(int).tolist()
        tiles = [
            cv2.resize(frames[index], _TILE_PX, interpolation=cv2.INTER_AREA) for index in indices
        ]
        row = np.hstack(tiles)
        for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(row, clip.label, (4, 14), 0, 0.4, color, width, cv2.LINE_AA)
        rows.append(row)
    with write_output(folder / "contact_sheet.png") as partial:
        sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
        partial.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
