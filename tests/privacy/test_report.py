"""What an auditor is told is what the release, the figures and the reviews say."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.privacy.conftest import LABELS, make_motion, write_all, write_json
from tests.review.conftest import HOSTILE, SHARD, make_row
from toolkit.errors import ConfigError, InputError
from toolkit.manifest import read_manifest
from toolkit.privacy.report import NUM_BINS, make_json, make_lines, make_profile
from toolkit.qa.checks import load_meanings
from toolkit.qa.planted import load_planted
from toolkit.release.sums import hash_file
from toolkit.review.verdicts import Verdict, write_verdicts
from toolkit.shards import Sample, read_shard, write_shard
from toolkit.stages.parts import pack_motions


def test_every_clip_and_every_check_is_accounted_for(release: Path, tmp_path: Path) -> None:
    """Counts add up; a check has its meaning, who it held back, and the highest value released."""
    profile = make_profile(release, tmp_path)
    assert profile.counts == {"ingested": 5, "released": 3, "quarantined": 1, "failed": 1}
    assert profile.digest == hash_file(release / "SHA256SUMS")
    faces, hands = profile.checks
    assert (faces.name, faces.held_back, faces.highest_released) == ("faces", 1, 0.1)
    assert faces.meaning == load_meanings()["faces"]
    assert (sum(faces.released), sum(faces.quarantined)) == (3, 1)
    assert faces.released[NUM_BINS // 10] == 3  # 0.1 of an axis that ends at twice the limit
    assert faces.quarantined[NUM_BINS * 9 // 10] == 1
    assert hands.held_back == 0
    assert profile.kept == {"wave": (0, 2), **dict.fromkeys(sorted(LABELS), (1, 1))}
    (weights,) = profile.weights
    assert (weights.name, weights.licence, weights.sha256) == ("centerface", "MIT", "d" * 64)
    assert "faces" in weights.purpose


def test_a_value_that_is_none_is_told_apart(release: Path, tmp_path: Path) -> None:
    """A check that could not run is in no bin; one far above the limit is in the last."""
    rows = [
        *read_manifest(release / "manifest.parquet"),
        make_row("nan", status="quarantined", faces=float("nan")),
        make_row("far", status="quarantined", faces=70.0),
    ]
    write_all(release, rows)
    faces = make_profile(release, tmp_path).checks[0]
    assert (faces.not_run, faces.held_back, faces.quarantined[-1]) == (1, 3, 1)


def test_nobody_looked_is_no_number(release: Path, tmp_path: Path) -> None:
    """Until somebody does; verdicts are found by their version, or the newest is."""
    profile = make_profile(release, tmp_path)
    assert (profile.version, profile.review) == ("", None)
    assert ("looked at by people", "nobody") in make_lines(profile)
    rows = read_manifest(release / "manifest.parquet")
    for version, said in (("v1.0.0", "person_visible"), ("v1.1.0", "ok")):
        verdicts = [
            Verdict(row.clip_id, "ann", row.sample_sha256, row.label, said, "")
            for row in rows
            if row.status == "released"
        ]
        write_verdicts(verdicts, tmp_path / HOSTILE / f"{version}.csv")
    newest = make_profile(release, tmp_path)
    assert newest.version == "v1.1.0"
    assert newest.review.visible.upper_bound == pytest.approx(1 - 0.05 ** (1 / 3))
    assert make_profile(release, tmp_path, version="v1.0.0").review.visible.count == 3
    with pytest.raises(InputError, match=r"v3\.0\.0"):
        make_profile(release, tmp_path, version="v3.0.0")


def test_planted_leaks_come_with_the_package_or_from_a_file(release: Path, tmp_path: Path) -> None:
    """Wilson's interval of each kind, and what all of them together allow to say."""
    profile = make_profile(release, tmp_path)
    assert profile.recall["all"].count == load_planted().counted.caught
    assert set(profile.recall) == {"all", *load_planted().kinds}
    assert profile.leak_bound <= profile.weakest_bound <= 1
    metrics = {"planted_caught_limb": (0.5, 8), "clean_quarantined": (0.25, 4)}
    metrics["clean_quarantined_by_faces"] = (0.25, 4)
    privacy = {k: {"mean": mean, "num_clips": clips} for k, (mean, clips) in metrics.items()}
    settings = {"profile": "offline", "clips": 4, "seed": 7}
    leaks = write_json(tmp_path / "stages.json", {"privacy": privacy, "settings": settings})
    profile = make_profile(release, tmp_path, leaks=leaks)
    assert (profile.recall["limb"].count, profile.recall["all"].total) == (4, 8)
    assert profile.unmeasured == ["hands"]
    assert "--seed 7" in profile.planted.command
    with pytest.raises(ConfigError, match="no figures of planted leaks"):
        make_profile(release, tmp_path, leaks=write_json(tmp_path / "no.json", []))


def test_body_shapes_are_looked_for(release: Path, tmp_path: Path) -> None:
    """Poses that carry a shape of somebody's own are told of."""
    what = [remark.what for remark in make_profile(release, tmp_path).removed]
    assert "Body shape" in what
    samples = list(read_shard(release / SHARD))
    own = pack_motions([make_motion(np.ones(10))])
    samples[0] = Sample(samples[0].key, {**samples[0].parts, "safetensors": own})
    write_shard(release / SHARD, samples)
    rows = [make_row(s.key, sample_sha256=s.sha256, label=s.key) for s in samples]
    write_all(release, rows)
    what = [remark.what for remark in make_profile(release, tmp_path).removed]
    assert "Body shape: only in part" in what


def test_a_release_without_bodies_has_no_gait(release: Path, tmp_path: Path) -> None:
    """Nobody is drawn: movement is removed, not left."""
    assert "Gait and movement" in [r.what for r in make_profile(release, tmp_path).remains]
    write_all(release, read_manifest(release / "manifest.parquet"), body=None)
    profile = make_profile(release, tmp_path)
    assert "Gait and movement" not in [remark.what for remark in profile.remains]
    assert "Body and movement" in [remark.what for remark in profile.removed]


def test_pictures_are_of_released_clips_as_the_manifest_has_them(
    release: Path, tmp_path: Path
) -> None:
    """One a class; a sample that was swapped is refused."""
    examples = make_profile(release, tmp_path).examples
    assert [example.clip_id for example in examples] == ["clip0", "clip1", "clip2"]
    assert all(example.jpeg.startswith(b"\xff\xd8") for example in examples)
    rows = read_manifest(release / "manifest.parquet")
    write_all(release, [make_row(row.clip_id, sample_sha256="0" * 64) for row in rows[:1]])
    with pytest.raises(InputError, match="not the one of the manifest"):
        make_profile(release, tmp_path)


def test_what_was_not_checked_has_no_report(release: Path, tmp_path: Path) -> None:
    """A list, and what shows the people filmed; and what is no release at all."""
    rows = read_manifest(release / "manifest.parquet")
    write_all(release, [make_row(row.clip_id, checks=()) for row in rows])
    with pytest.raises(InputError, match="none of its clips was checked"):
        make_profile(release, tmp_path)
    with pytest.raises(InputError, match="is no release"):
        make_profile(tmp_path, tmp_path)


def test_json_has_all_but_the_pictures(release: Path, tmp_path: Path) -> None:
    """And what an attack has come to, whatever its keys."""
    attack = write_json(tmp_path / "a.json", {"top1": 0.123456, "by": {"pose": [1, {}]}, "n": None})
    profile = make_profile(release, tmp_path, attack=attack)
    assert profile.attack == [
        ("top1", "0.1235"),
        ("by.pose.0", "1"),
        ("by.pose.1", "{}"),
        ("n", "None"),
    ]
    values = json.loads(make_json(profile))
    assert values["counts"]["released"] == 3
    assert values["review"] is None
    assert set(values["examples"][0]) >= {"clip_id", "label"}
    assert "jpeg" not in values["examples"][0]
    attack.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        make_profile(release, tmp_path, attack=attack)
