"""One clip through the whole method: decode, mask, inpaint, recover, render, encode, check.

The result is checked as it was written, from the encoded file, and appears under its name only when
every check has passed.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from toolkit import __version__, backends, models
from toolkit.config import config_hash, load_profile
from toolkit.files import check_paths, make_folder, write_output
from toolkit.frames import FrameStore
from toolkit.gate import CHECK_MODELS, Anonymized, find_suspects, run_checks
from toolkit.inspection import inspection_paths, write_inspection
from toolkit.m2m.background import Background
from toolkit.m2m.composite import composite
from toolkit.m2m.left_behind import mask_left_behind
from toolkit.m2m.masks import without_flicker
from toolkit.m2m.shadows import add_shadows
from toolkit.m2m.suspects import mask_suspects
from toolkit.m2m.types import Body, BodyMotion, Camera, Mesh, People, Renderer, Track
from toolkit.m2m.virtual_camera import to_clip_camera
from toolkit.progress import StartStage
from toolkit.qa.checks import Check, Limit, load_limits
from toolkit.video import DecodedClip, decode
from toolkit.video_encode import encode

RELEASED, QUARANTINED = "released", "quarantined"


@dataclass(frozen=True)
class Report:
    """What was done to one clip and what the checks say of it.

    Attributes:
        out: where the clip was written; None where it was withheld.
        tracks: id, number of frames, median height (px), and whether a body was drawn.
        stages: name to seconds and frames per second.
        models: name to sha256 of the weights used.
        unknown_weights: those of which nobody says where they come from.
        output_sha256: of the encoded clip, also of one that was withheld.
    """

    verdict: str
    checks: dict[str, Check]
    num_frames: int
    fps: float
    tracks: list[dict[str, Any]]
    stages: dict[str, dict[str, float]]
    profile: str
    config_hash: str
    models: dict[str, str]
    unknown_weights: list[str]
    source_sha256: str
    output_sha256: str
    out: Path | None

    def to_json(self) -> str:
        """Return the report as JSON."""
        values = vars(self) | {
            "checks": {
                name: vars(check) | {"passed": bool(check.passed)}
                for name, check in self.checks.items()
            },
            "out": str(self.out) if self.out else None,
            "toolkit_version": __version__,
        }
        return json.dumps(values, indent=2) + "\n"


@dataclass
class Stages:
    """Times the stages of a run and shows their progress."""

    start: StartStage = lambda _name, _num_frames: lambda _num_done: None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, num_frames: int) -> Iterator[Callable[[int], None]]:
        """Time the block; gives what to call with the number of frames just finished."""
        advance, begin = self.start(name, num_frames), time.perf_counter()
        yield advance
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def summary(self, num_frames: int) -> dict[str, dict[str, float]]:
        """Return seconds and frames per second of each stage, and of all."""
        return {
            name: {"seconds": round(seconds, 3), "fps": round(num_frames / max(seconds, 1e-9), 2)}
            for name, seconds in (*self.seconds.items(), ("total", sum(self.seconds.values())))
        }


class _WithheldError(Exception):
    """Leaves the block that would have given the clip its name."""


def anonymize(
    source: Path,
    out: Path | None = None,
    *,
    profile: str = "offline",
    mask: str | None = None,
    inpaint: str | None = None,
    recover: str | None = None,
    size: tuple[int, int] | None = (432, 240),
    report: Path | None = None,
    inspect: Path | None = None,
    keep_quarantined: bool = False,
    progress: StartStage = lambda _name, _num_frames: lambda _num_done: None,
) -> Report:
    """Replace the people of ``source`` by meshes and check that nobody is left.

    ``out`` is written only when every check passes; a clip that fails is withheld, an older ``out``
    is removed with it, and with ``keep_quarantined`` it goes to NAME.quarantined.mp4.

    Args:
        source: a local video file.
        out: the mp4 to write; the source's stem + ``.m2m.mp4`` in the current folder if None.
        profile: name of a profile (``toolkit.config``).
        mask: use this masker instead of the profile's.
        inpaint: the same for the inpainter.
        recover: the same for the recoverer.
        size: (width, height) px of the result; None keeps the source's.
        report: write the report here as JSON.
        inspect: write a contact sheet and a side-by-side video into this folder.
        keep_quarantined: write a clip that failed under another name.
        progress: starts the display of a stage (``toolkit.progress``).

    Raises:
        ToolkitError: one line that says what is wrong and what to do.
    """
    out = out or Path(f"{source.stem}.m2m.mp4")
    kept = out.with_name(f"{out.stem}.quarantined{out.suffix}") if keep_quarantined else None
    check_paths(source, *(path for path in (out, kept, report) if path))
    chosen, limits = (
        load_profile(profile, mask=mask, inpaint=inpaint, recover=recover),
        load_limits(),
    )
    stages = Stages(progress)
    with stages.stage("decode", 1) as advance:
        clip = decode(source, size)
        advance(1)
    steps = {kind: backends.get(kind, name) for kind, name in asdict(chosen).items()}
    weights = _find_weights(steps)
    cv2.setNumThreads(1)  # OpenCV's flow depends on the number; frames run side by side instead
    if inspect:
        make_folder(inspect)
        check_paths(source, *inspection_paths(inspect))
    people = find_people(clip, steps, stages)
    people, background = empty_scene(clip, people, steps, stages)
    done = draw_people(clip, people, background, steps, stages)
    unknown = models.list_unknown(weights)
    checks, output_sha256, written = _write_checked(done, out, kept, limits, stages, unknown)
    drawn_ids = {motion.track_id for motion in done.motions}
    if inspect:
        write_inspection(inspect, done)
    result = Report(
        verdict=RELEASED if written == out else QUARANTINED,
        checks=checks,
        num_frames=len(clip.frames),
        fps=float(clip.timing.fps),
        tracks=[_describe(track, drawn_ids) for track in done.people.tracks],
        stages=stages.summary(len(clip.frames)),
        profile=profile,
        config_hash=config_hash(
            chosen, size=size, limits=dict(limits), models=weights, version=__version__
        ),
        models=weights,
        unknown_weights=unknown,
        source_sha256=clip.source_sha256,
        output_sha256=output_sha256,
        out=written,
    )
    if report:
        with write_output(report) as partial:
            partial.write_text(result.to_json(), encoding="utf-8")
    return result


def _write_checked(
    done: Anonymized,
    out: Path,
    kept: Path | None,
    limits: Mapping[str, Limit],
    stages: Stages,
    unknown_weights: Sequence[str],
) -> tuple[dict[str, Check], str, Path | None]:
    """Encode the clip, check it as encoded, and name it ``out`` if every check passes.

    Returns:
        The checks, the sha256 of the encoded clip, and where it is: ``out``; else ``kept``, which
        may be None.
    """
    clip = done.clip
    with suppress(_WithheldError), write_output(out) as partial:
        with stages.stage("encode", len(clip.frames)) as advance:
            encode(_counted(done.result, advance), partial, clip.timing, clip.pixel_aspect)
        with stages.stage("check", len(clip.frames)) as advance:
            written = partial.read_bytes()
            released = decode(partial, None).frames
            checks = run_checks(done, released, written, limits, advance, unknown_weights)
        with partial.open("rb") as file:
            output_sha256 = file_digest(file, "sha256").hexdigest()
        if not any(check.blocks for check in checks.values()):
            return checks, output_sha256, out
        if kept:
            with write_output(kept) as copy:
                shutil.copyfile(partial, copy)
        raise _WithheldError
    out.unlink(missing_ok=True)
    return checks, output_sha256, kept


def _counted(frames: FrameStore, advance: Callable[[int], None]) -> Iterator[Any]:
    for frame in frames:
        yield frame
        advance(1)


def _find_weights(steps: Mapping[str, Any]) -> dict[str, str]:
    """Return name and sha256 of all weights a run needs; one that is missing stops it here.

    Raises:
        ModelError: run ``m2m models fetch``.
    """
    names = {name for backend in steps.values() for name in getattr(backend, "models", ())}
    weights = {name: models.sha256_of(name) for name in sorted(names | set(CHECK_MODELS))}
    for name in weights:
        models.locate(name)
    return weights


def find_people(clip: DecodedClip, steps: Mapping[str, Any], stages: Stages) -> People:
    """Run the step that finds people.

    Args:
        clip: what to look at.
        steps: kind of a backend to the backend (``toolkit.backends.get``).
        stages: times the steps.
    """
    with stages.stage("mask", len(clip.frames)) as advance:
        people: People = steps["mask"]().find(clip.frames, clip.pixel_aspect, advance)
        people = mask_left_behind(clip.frames, people, float(clip.timing.fps))
        return _shade(clip, replace(people, masks=without_flicker(people.masks)))


def empty_scene(
    clip: DecodedClip, people: People, steps: Mapping[str, Any], stages: Stages
) -> tuple[People, FrameStore]:
    """Fill what the people hide; what looks like somebody then, and never moves, is removed too.

    Args:
        clip: what to work on.
        people: who is in it.
        steps: kind of a backend to the backend (``toolkit.backends.get``).
        stages: times the steps.

    Returns:
        The people, with what was removed besides, and the clip without them: [T, H, W, 3] uint8
        RGB.
    """
    empty = fill(clip, people, steps, stages)
    with stages.stage("look", len(clip.frames)) as advance:
        shown = Background(clip.frames, people.masks)
        if not shown.stands_still:  # then no place is the same in all frames
            return people, empty
        signs = find_suspects(empty, clip.pixel_aspect, load_limits(), advance)
        more = mask_suspects(shown, people, signs)
    if not more:
        return people, empty
    more = _shade(clip, more)
    return more, fill(clip, more, steps, stages)


def _shade(clip: DecodedClip, people: People) -> People:
    """Mask shadows again: whatever masks take in, the rest tells better what is in the shade."""
    return replace(people, masks=add_shadows(clip.frames, people.masks, people.cores))


def fill(clip: DecodedClip, people: People, steps: Mapping[str, Any], stages: Stages) -> FrameStore:
    """Run the step that fills what the masks of the people cover; nothing is looked at."""
    with stages.stage("inpaint", len(clip.frames)) as advance:
        filled: FrameStore = steps["inpaint"]().inpaint(clip.frames, people.masks, advance)
        return filled


def draw_people(
    clip: DecodedClip,
    people: People,
    background: FrameStore,
    steps: Mapping[str, Any],
    stages: Stages,
) -> Anonymized:
    """Draw a mesh for each person into the empty scene: recover, render.

    Args:
        clip: what to work on.
        people: who is in it.
        background: [T, H, W, 3] uint8 RGB, without them.
        steps: kind of a backend to the backend (``toolkit.backends.get``).
        stages: times the steps.
    """
    motions = recover_people(clip, people, steps, stages)
    result, coverage = render_people(clip, motions, background, steps, stages)
    return Anonymized(clip, people, background, motions, coverage, result)


def recover_people(
    clip: DecodedClip, people: People, steps: Mapping[str, Any], stages: Stages
) -> list[BodyMotion]:
    """Recover how each person moves who is surely one."""
    motions = []
    with stages.stage("recover", len(people.tracks)) as advance:
        recoverer = steps["recover"]()
        for track in people.tracks:
            if track.is_sure:
                motion = recoverer.recover(
                    track, _camera_of(clip), float(clip.timing.fps), clip.frames
                )
                motions += [motion] if motion is not None else []
            advance(1)
    return motions


def render_people(
    clip: DecodedClip,
    motions: Sequence[BodyMotion],
    background: FrameStore,
    steps: Mapping[str, Any],
    stages: Stages,
) -> tuple[FrameStore, FrameStore]:
    """Draw bodies over a background.

    Returns:
        The frames [T, H, W, 3] uint8 RGB, and the alpha of the meshes [T, H, W] uint8.
    """
    height, width = clip.frames.frame_shape[:2]
    result, coverage = FrameStore(clip.frames.frame_shape), FrameStore((height, width))
    with stages.stage("render", len(clip.frames)) as advance:
        renderer: Renderer | None = None
        body, camera = steps["body"]() if motions else None, _camera_of(clip)
        frames = meshes_of_frames(body, motions, len(background), camera) if body else None
        for empty in background:
            meshes = next(frames) if frames else []
            picture = np.zeros((height, width, 4), np.uint8)
            if meshes:
                renderer = renderer or steps["render"](camera)
                picture, _ = renderer.render(meshes)
            result.append(composite(picture, empty))
            coverage.append(np.ascontiguousarray(picture[..., 3]))
            advance(1)
    return result, coverage


def _camera_of(clip: DecodedClip) -> Camera:
    height, width = clip.frames.frame_shape[:2]
    return Camera.for_frame(width, height, clip.pixel_aspect)


def meshes_of_frames(
    body: Body, motions: Sequence[BodyMotion], num_frames: int, camera: Camera
) -> Iterator[list[Mesh]]:
    """Yield the meshes of each frame in the clip's camera, asking each motion for its next one."""
    upcoming = [
        (set(motion.frames_T.tolist()), _in_camera(body.meshes(motion), motion, camera))
        for motion in motions
    ]
    for index in range(num_frames):
        yield [next(meshes) for indices, meshes in upcoming if index in indices]


def _in_camera(meshes: Iterator[Mesh], motion: BodyMotion, camera: Camera) -> Iterator[Mesh]:
    if motion.cameras_T4 is None:
        yield from meshes
        return
    for mesh, camera_4 in zip(meshes, motion.cameras_T4, strict=True):
        yield replace(mesh, vertices_V3=to_clip_camera(mesh.vertices_V3, camera_4, camera))


def _describe(track: Track, drawn_ids: set[int]) -> dict[str, Any]:
    heights = [float(frame.box_xyxy[3] - frame.box_xyxy[1]) for frame in track.frames.values()]
    return {
        "id": track.track_id,
        "frames": len(track.frames),
        "median_height_px": round(float(np.median(heights)), 1),
        "drawn": track.track_id in drawn_ids,
    }
