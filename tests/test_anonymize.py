"""``m2m anonymize`` on whole clips, mostly through the command line."""

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.actors_clip import decoded, panned, true_people
from tests.videos import write_video
from toolkit import backends, models
from toolkit.anonymize import Stages, anonymize, empty_scene
from toolkit.qa.checks import load_limits
from toolkit.video import decode

pytestmark = pytest.mark.usefixtures("weights")

FPS = 6
PRIVATE = "a name and a place"


def names_in(folder: Path) -> list[str]:
    """Return the names of all files in ``folder``, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="session")
def source(actor, tmp_path_factory) -> Path:
    """3 s of an actor in 18 frames, with sound and a title."""
    path = tmp_path_factory.mktemp("source") / "actor.mp4"
    metadata = {"title": PRIVATE, "comment": PRIVATE}
    return write_video(path, actor.frames_THWC[::2], fps=FPS, audio=True, metadata=metadata)


@pytest.fixture(scope="session")
def short_source(actor, tmp_path_factory) -> Path:
    """8 of those frames."""
    path = tmp_path_factory.mktemp("source") / "short.mp4"
    return write_video(path, actor.frames_THWC[12:28:2], fps=FPS)


@pytest.fixture(scope="session")
def released(source, run_m2m, tmp_path_factory) -> Path:
    """The folder after one run with everything on: out.mp4, report.json and inspect/."""
    folder = tmp_path_factory.mktemp("released")
    words = [str(source), "out.mp4", "--report", "report.json", "--inspect", "inspect"]
    run = run_m2m("anonymize", *words, cwd=folder)
    assert (run.returncode, run.stdout) == (0, "released: out.mp4\n"), run.stdout + run.stderr
    assert run.stderr == ""
    return folder


def test_the_result_is_as_long_and_as_fast_as_the_source(source, released):
    """Every frame keeps its time; what differs is the person, not the room."""
    before, after = decode(source, (432, 240)), decode(released / "out.mp4", None)
    assert after.timing.times_s == before.timing.times_s
    assert after.fps == before.fps == FPS
    assert after.pixel_aspect == 1
    change_THW = np.abs(np.stack(list(before.frames)).astype(int) - np.stack(list(after.frames)))
    changed_THW = change_THW.max(axis=-1) > 40
    assert 0.02 < changed_THW.mean() < 0.25
    assert changed_THW[:, :, :20].mean() < 0.01  # where nobody walks


def test_no_person_of_the_source_is_left(actor, released):
    """Where the actor truly was, the result is no longer like the source."""
    masks_THW = actor.masks_THW[::2]
    after = decode(released / "out.mp4", None).frames
    for index, mask_HW in enumerate(masks_THW):
        inside_HW = cv2.erode(mask_HW.astype(np.uint8), np.ones((5, 5))) > 0
        error_N3 = after[index][inside_HW].astype(int) - actor.frames_THWC[2 * index][inside_HW]
        assert (np.abs(error_N3).max(axis=1) > 12).mean() > 0.8


def test_the_result_is_plain_h264_and_tells_nothing(source, released):
    """H.264 yuv420p in one stream: no sound, no metadata, nothing that says who wrote it."""
    with av.open(str(source)) as container:
        assert container.streams.audio
        assert container.metadata["title"] == PRIVATE
    with av.open(str(released / "out.mp4")) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert set(container.metadata) == {"major_brand", "minor_version", "compatible_brands"}
    data = (released / "out.mp4").read_bytes()
    for trace in (PRIVATE.encode(), source.name.encode(), b"Lavf", b"x264"):
        assert trace not in data


def test_the_report_says_what_was_done(source, released):
    """Verdict, checks, tracks, stages, weights and hashes, all as JSON numbers and words."""
    report = json.loads((released / "report.json").read_text("utf-8"))
    assert report["verdict"] == "released"
    assert (report["num_frames"], report["fps"], report["profile"]) == (18, FPS, "offline")
    assert set(report["checks"]) == set(load_limits())
    for check in report["checks"].values():
        assert check["passed"] is True
        assert check["value"] <= check["limit"]
        assert 0 <= check["worst_frame"] < 18
    (track,) = report["tracks"]
    assert track["id"] >= 0
    assert track["frames"] == 18
    assert 80 < track["median_height_px"] < 200
    stages = {"decode", "mask", "inpaint", "look", "recover", "render", "encode", "check", "total"}
    assert set(report["stages"]) == stages
    assert all(stage["seconds"] >= 0 and stage["fps"] > 0 for stage in report["stages"].values())
    assert {"centerface", "pose_landmark_full", "nanodet"} <= set(report["models"])
    assert all(models.sha256_of(name) == value for name, value in report["models"].items())
    assert report["source_sha256"] == sha256(source.read_bytes()).hexdigest()
    assert report["output_sha256"] == sha256((released / "out.mp4").read_bytes()).hexdigest()
    assert len(report["config_hash"]) == 64


def test_inspection_shows_each_step(released):
    """A contact sheet of four rows and six frames, and source and result side by side."""
    assert names_in(released) == ["inspect", "out.mp4", "report.json"]
    assert names_in(released / "inspect") == ["contact_sheet.png", "side_by_side.mp4"]
    sheet_HWC = cv2.imread(str(released / "inspect" / "contact_sheet.png"))
    assert sheet_HWC.shape == (4 * 160, 6 * 288, 3)
    pair = decode(released / "inspect" / "side_by_side.mp4", None).frames
    assert (len(pair), pair.frame_shape) == (18, (240, 864, 3))
    out = decode(released / "out.mp4", None).frames
    assert np.abs(pair[9][:, 432:].astype(int) - out[9]).mean() < 3


def test_the_library_gives_the_same_bytes(source, released, tmp_path):
    """``toolkit.anonymize.anonymize`` does what the command does, and a second run the same."""
    report = anonymize(source, tmp_path / "again.mp4")
    assert report.verdict == "released"
    assert report.out == tmp_path / "again.mp4"
    assert report.out.read_bytes() == (released / "out.mp4").read_bytes()
    stored = json.loads((released / "report.json").read_text("utf-8"))
    again = json.loads(report.to_json())
    for values in (stored, again):
        del values["stages"], values["out"]
    assert again == stored


@pytest.mark.slow
def test_one_core_gives_the_same_bytes(source, released, tmp_path):
    """The result does not depend on how many cores there are, nor on what memory held before."""
    program = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from toolkit.cli import main; main()"
    )
    words = [sys.executable, "-c", program, "anonymize", source, tmp_path / "out.mp4"]
    subprocess.run(words, env={**os.environ, "MALLOC_PERTURB_": "1"}, check=True)
    assert (tmp_path / "out.mp4").read_bytes() == (released / "out.mp4").read_bytes()


def test_a_clip_that_still_shows_people_is_withheld(short_source, run_m2m, tmp_path):
    """Nothing is painted over the person: exit code 3, a check is named, an older OUT goes."""
    out = tmp_path / "out.mp4"
    out.write_bytes(b"an older result")
    words = ["anonymize", str(short_source), str(out), "--inpaint", "none"]
    run = run_m2m(*words, "--report", "report.json", cwd=tmp_path)
    assert run.returncode == 3, run.stderr
    *failed, last = run.stdout.splitlines()
    assert last == "quarantined: no clip written"
    assert any(line.startswith("failed check people: ") for line in failed)
    assert names_in(tmp_path) == ["report.json"]
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert (report["verdict"], report["out"]) == ("quarantined", None)
    assert report["checks"]["people"]["passed"] is False

    kept = tmp_path / "out.quarantined.mp4"
    run = run_m2m(*words, "--keep-quarantined")
    assert (run.returncode, run.stdout.splitlines()[-1]) == (3, f"quarantined: {kept}")
    assert names_in(tmp_path) == [kept.name, "report.json"]
    assert sha256(kept.read_bytes()).hexdigest() == report["output_sha256"]


def test_what_only_the_checks_would_find_is_removed_first(actor, tmp_path):
    """A portrait on the wall, in too few frames for the masks: too much of a body to be released.

    It never moves, so the wall is filled in before anything is encoded, and checked once.
    """
    frame_HWC = actor.background_THWC[0].copy()
    portrait_HWC = cv2.resize(
        actor.frames_THWC[14][52:77, 165:184], (14, 18), interpolation=cv2.INTER_AREA
    )
    frame_HWC[40:58, 330:344] = portrait_HWC
    source = write_video(
        tmp_path / "in.avi", [frame_HWC] * 3, fps=FPS, codec="ffv1", pixel_format="bgr0"
    )
    report = anonymize(source, tmp_path / "out.mp4")
    assert report.verdict == "released"
    assert [(track["frames"], track["drawn"]) for track in report.tracks] == [(3, False)]
    assert report.checks["small_people"].value < 0.3
    wall_HWC = actor.background_THWC[0][40:58, 330:344].astype(int)
    for shown_HWC in decode(tmp_path / "out.mp4", None).frames:
        place_HWC = shown_HWC[40:58, 330:344]
        assert np.abs(place_HWC - wall_HWC).mean() < np.abs(portrait_HWC - wall_HWC).mean() / 3


@pytest.mark.parametrize("camera_moves", [False, True])
def test_who_never_moves_is_found_in_the_empty_scene(actor, camera_moves):
    """Somebody small beside the actor, in no mask: removed too, unless the camera moves."""
    frames_THWC, masks_THW = actor.frames_THWC[:8].copy(), actor.masks_THW[:8]
    somebody_HWC = cv2.resize(frames_THWC[0], (86, 48), interpolation=cv2.INTER_AREA)
    frames_THWC[:, 120:168, 260:346] = somebody_HWC
    if camera_moves:
        frames_THWC, masks_THW = panned(frames_THWC), panned(masks_THW)
    people, steps = true_people(masks_THW), {"inpaint": backends.get("inpaint", "navier_stokes")}
    stages = Stages(lambda _name, _num_frames: lambda _num_done: None)
    more, empty = empty_scene(decoded(frames_THWC), people, steps, stages)
    assert len(empty) == 8
    if camera_moves:
        assert more is people
    else:
        assert all(mask_HW[132:166, 318:330].all() for mask_HW in more.masks)
        change_HWC = np.abs(
            empty[4][132:166, 318:330].astype(int) - frames_THWC[4, 132:166, 318:330]
        )
        assert change_HWC.mean() > 15


def test_one_portrait_frame_keeps_its_shape(actor, run_m2m, tmp_path):
    """A single frame is legal; the stretch to 432x240 is undone by the pixels' aspect."""
    portrait_HWC = np.ascontiguousarray(actor.frames_THWC[20][:, 148:284])
    write_video(tmp_path / "in.mp4", [portrait_HWC], fps=25)
    run = run_m2m("anonymize", "in.mp4", "out.mp4", "--keep-quarantined", cwd=tmp_path)
    assert run.returncode in (0, 3), run.stderr
    (out,) = tmp_path.glob("out*.mp4")
    clip = decode(out, None)
    assert (len(clip.frames), clip.frames.frame_shape) == (1, (240, 432, 3))
    shown = Fraction(clip.info.sample_aspect).limit_denominator(1000) * Fraction(432, 240)
    assert shown == pytest.approx(136 / 240, rel=1e-3)


def test_five_frames_keep_their_size(actor, run_m2m, tmp_path):
    """``--size keep`` leaves all pixels as they are, but for an odd last row and column."""
    frames = [
        cv2.resize(frame, (289, 161), interpolation=cv2.INTER_AREA)
        for frame in actor.frames_THWC[20:25]
    ]
    write_video(tmp_path / "in.avi", frames, fps=12, codec="ffv1", pixel_format="bgr0")
    words = ["in.avi", "out.mp4", "--size", "keep", "--keep-quarantined"]
    run = run_m2m("anonymize", *words, cwd=tmp_path)
    assert run.returncode in (0, 3), run.stderr
    (out,) = tmp_path.glob("out*.mp4")
    clip = decode(out, None)
    assert (len(clip.frames), clip.frames.frame_shape) == (5, (160, 288, 3))
    assert (clip.fps, clip.pixel_aspect) == (12, 1)
    room_HWC = np.abs(clip.frames[2][:, :40].astype(int) - frames[2][:160, :40])
    assert room_HWC.mean() < 3


def test_a_4k_frame_is_legal(actor, run_m2m, tmp_path):
    """3840x2160 is worked on at 432x240."""
    large_HWC = cv2.resize(actor.frames_THWC[20], (3840, 2160), interpolation=cv2.INTER_CUBIC)
    write_video(tmp_path / "in.mp4", [large_HWC])
    run = run_m2m("anonymize", "in.mp4", "out.mp4", "--keep-quarantined", cwd=tmp_path)
    assert run.returncode in (0, 3), run.stderr
    (out,) = tmp_path.glob("out*.mp4")
    assert decode(out, None).frames.frame_shape == (240, 432, 3)


KILL_IN_STAGE = """
import os, signal, sys
from contextlib import nullcontext
import toolkit.progress
from toolkit.cli import main

stage = sys.argv.pop(1)

def start_stage(name, num_frames):
    return lambda _: os.kill(os.getpid(), signal.SIGKILL) if name == stage else None

toolkit.progress.show_stages = lambda: nullcontext(start_stage)
main()
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_rerun_gives_the_same(short_source, run_m2m, tmp_path):
    """SIGKILL while masks, file or checks are made: no OUT, no temporary file; then all is well."""
    whole, temporary = tmp_path / "whole", tmp_path / "temporary"
    out = tmp_path / "killed" / "out.mp4"
    for folder in (whole, temporary, out.parent):
        folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    for stage in ("mask", "encode", "check"):
        words = [sys.executable, "-c", KILL_IN_STAGE, stage, "anonymize", short_source, out]
        killed = subprocess.run(words, env=environment, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not out.exists()
        assert set(names_in(out.parent)) <= {".out.mp4.partial"}
        assert names_in(temporary) == []
    rerun = run_m2m("anonymize", str(short_source), str(out), TMPDIR=str(temporary))
    clean = run_m2m("anonymize", str(short_source), str(whole / "out.mp4"))
    assert rerun.returncode == clean.returncode == 0, rerun.stdout + rerun.stderr
    assert names_in(out.parent) == ["out.mp4"]
    assert names_in(temporary) == []
    assert out.read_bytes() == (whole / "out.mp4").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_does_not_grow_with_length(actor, tmp_path):
    """A clip of 300 frames needs less than 3 GiB, and one of 900 frames hardly more."""
    there_and_back = [*range(36), *range(34, 0, -1)]
    peaks_mib = []
    for num_frames in (300, 900):
        source = tmp_path / f"{num_frames}.mp4"
        order = (there_and_back[index % len(there_and_back)] for index in range(num_frames))
        write_video(source, (actor.frames_THWC[index] for index in order), fps=12)
        program = "from toolkit.cli import main; main()"
        words = [sys.executable, "-c", program, "anonymize", source, tmp_path / "out.mp4"]
        with subprocess.Popen(words) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode in (0, 3)
        peaks_mib.append(usage.ru_maxrss / 1024)
    assert peaks_mib[0] < 3 * 1024
    assert peaks_mib[1] < 1.25 * peaks_mib[0]
