"""The profile of the paper from file to clip, with weights that know nothing."""

import json

import pytest

pytest.importorskip("torch", reason="needs the extra paper")
pytest.importorskip("smplx", reason="needs the extra paper")

from tests.stub_weights import STUBS, link_offline, write_stubs
from tests.videos import write_video

NUM_FRAMES = 6


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("weights")
def test_stub_weights_go_through_every_step_and_hold_the_clip_back(tmp_path, actor, run_m2m):
    """Every step is the paper's, and the report names the weights that nobody vouches for."""
    cache, stubs = tmp_path / "cache", tmp_path / "stubs"
    link_offline(cache)
    stubs.mkdir()
    write_stubs(stubs)
    for path in sorted(stubs.iterdir()):
        done = run_m2m("models", "import", str(path), M2M_CACHE=str(cache))
        assert done.returncode == 0, done.stderr
        assert "no clip that is made with them is released" in done.stdout
    source = tmp_path / "walk.mp4"
    write_video(source, list(actor.frames_THWC[-NUM_FRAMES:]), fps=8)
    report, out = tmp_path / "report.json", tmp_path / "out.mp4"
    words = ["--profile", "paper", "--report", str(report), "--size", "432x240"]
    done = run_m2m("anonymize", str(source), str(out), *words, M2M_CACHE=str(cache))
    assert done.returncode == 3, done.stdout + done.stderr
    told = json.loads(report.read_text("utf-8"))
    assert (told["verdict"], told["out"], out.exists()) == ("quarantined", None, False)
    assert told["unknown_weights"] == STUBS
    check = told["checks"]["weights"]
    assert (check["value"], check["limit"], check["passed"]) == (4, 0, False)
    assert "weights" in done.stdout + done.stderr
    assert told["num_frames"] == NUM_FRAMES
    assert set(STUBS) <= set(told["models"])
    assert {"mask", "inpaint", "recover", "render", "check"} <= set(told["stages"])
    assert told["tracks"]
