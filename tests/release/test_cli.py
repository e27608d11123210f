"""``m2m audit``: exit codes, JSON, what is printed, and a page that nothing hostile gets into."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.release.conftest import Release, describe, with_values
from toolkit.manifest import read_manifest, write_manifest
from toolkit.release.audit import audit
from toolkit.release.report import write_page
from toolkit.release.sums import write_sums
from toolkit.shards import read_index

HOSTILE = "</script><script>alert('x')</script>\x1b[31m"


def _tamper(release: Release) -> str:
    """Flip a bit of a clip, and return the clip."""
    part = read_index(release.shards[0]).parts[0]
    content = bytearray(release.shards[0].read_bytes())
    content[part.offset] ^= 1
    release.shards[0].write_bytes(content)
    return part.key


def test_a_release_that_is_as_it_says(run_m2m, release: Release) -> None:
    """Exit code 0, counts, the digest to compare, and nothing on stderr."""
    run = run_m2m("audit", str(release.folder))
    assert (run.returncode, run.stderr) == (0, "")
    assert audit(release.folder).digest in run.stdout
    assert re.search(r"8 +│ +6 +│ +1 +│ +1 +│ +2 ", run.stdout)
    assert "- Sources" in run.stdout
    assert "- Rebuild" in run.stdout
    assert "✗" not in run.stdout


def test_a_release_that_is_not(run_m2m, release: Release) -> None:
    """Exit code 4, and each finding with clip and file."""
    clip = _tamper(release)
    run = run_m2m("audit", str(release.folder))
    assert (run.returncode, run.stderr) == (4, "")
    assert f"  {clip}  data/train-00000-of-00002.tar  sample_sha256 is" in run.stdout
    assert "✗ Samples" in run.stdout
    assert "✓ Records" in run.stdout


def test_json(run_m2m, release: Release) -> None:
    """Only JSON on stdout, with the same findings and exit codes."""
    run = run_m2m("audit", str(release.folder), "--json")
    counts = {"ingested": 8, "released": 6, "quarantined": 1, "failed": 1}
    expected = {"ok": True, "num_clips": 8, "counts": counts, "findings": []}
    assert (run.returncode, json.loads(run.stdout)) == (0, expected)
    clip = _tamper(release)
    run = run_m2m("audit", str(release.folder), "--json")
    values = json.loads(run.stdout)
    assert (run.returncode, values["ok"]) == (4, False)
    assert [(f["kind"], f["clip"], f["file"]) for f in values["findings"]] == [
        ("changed_shard", "", "data/train-00000-of-00002.tar"),
        ("changed_sample", clip, "data/train-00000-of-00002.tar"),
    ]
    assert all(finding["detail"] for finding in values["findings"])


def test_one_clip_shows_its_chain(run_m2m, release: Release) -> None:
    """Its row, its checks, and what each stage made of it, whole."""
    row = next(row for row in read_manifest(release.manifest) if row.status == "failed")
    run = run_m2m("audit", str(release.folder), row.clip_id, COLUMNS="200")
    assert run.returncode == 0
    for text in (row.clip_id, row.reason, "could not run", row.source_digest):
        assert text in run.stdout
    for link in row.chain:
        assert re.search(rf"{link.stage} +│ {link.config_hash} +│ {link.digest}", run.stdout)


def test_sources_are_compared_where_they_are_given(run_m2m, release: Release) -> None:
    """Exit code 0 with those that were used, 4 with a changed one."""
    words = ["audit", str(release.folder), "--project", str(release.project)]
    run = run_m2m(*words)
    assert run.returncode == 0
    assert "✓ Sources" in run.stdout
    (release.root / "wave/clip1_000000_000010.mp4").write_bytes(b"x")
    run = run_m2m(*words)
    assert run.returncode == 4
    clip = release.pseudonyms.publish("clip1_000000_000010")
    assert f"  {clip}  ingest.parquet  row 1: its file has other content" in run.stdout
    assert "clip1_" not in run.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "is no folder"),
        (["m2m-kinetics", "nobody"], "no manifest with a clip nobody"),
        (["m2m-kinetics", "--rebuild", "1"], "--rebuild needs the sources"),
        (["m2m-kinetics", "--project", "nowhere"], "run this in a project folder"),
        (["m2m-kinetics", "--project", "no_key"], "there is no file with a key"),
        (["m2m-kinetics", "--project", "no_hex"], "a key is one line"),
        (["m2m-kinetics", "--project", "no_table"], "ingest.parquet: cannot be read as Parquet"),
        (["m2m-kinetics", "--html", "m2m-kinetics/audit.html"], "would be an extra file"),
        (["m2m-kinetics", "--html", "nowhere/audit.html"], "does not exist"),
    ],
)
def test_wrong_usage_is_one_line(run_m2m, release: Release, words: list[str], message: str) -> None:
    """With exit code 2, and the key in none of them."""
    for name in ("no_key", "no_hex", "no_table"):
        shutil.copytree(release.project, release.folder.parent / name)
    (release.folder.parent / "no_key/keys/clip_ids.key").unlink()
    shutil.copy(release.table, release.folder.parent / "no_hex/keys/clip_ids.key")
    shutil.copy(release.key, release.folder.parent / "no_table/data/ingest.parquet")
    run = run_m2m("audit", *words, cwd=release.folder.parent)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert message in line
    assert release.key.read_text().strip() not in line


def test_a_list_has_nothing_to_make_again(run_m2m, release: Release) -> None:
    """Its clips were never packed: one line says so."""
    describe(release.folder, read_manifest(release.manifest), "kinetics-150")
    run = run_m2m("audit", str(release.folder), "--project", str(release.project), "--rebuild", "1")
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert "kinetics-150 is a list and holds no clips to make again" in line


def test_an_empty_folder_is_no_release(run_m2m, tmp_path: Path) -> None:
    """Everything is missing, which is a finding and not an error."""
    run = run_m2m("audit", str(tmp_path), "--json")
    assert run.returncode == 4
    assert {f["kind"] for f in json.loads(run.stdout)["findings"]} == {"missing_file"}


def test_hostile_text_stays_text(run_m2m, release: Release, tmp_path: Path) -> None:
    """In labels, reasons and names of files: no markup in the page, no escapes on the terminal."""
    rows = read_manifest(release.manifest)
    rows = [with_values(row, label=HOSTILE, reason=HOSTILE) for row in rows]
    write_manifest(rows, release.manifest)
    describe(release.folder, rows)
    (release.folder / "<img src=x onerror=alert(1)>").write_text("x")
    (release.folder / "\x1b[31m").write_text("x")
    page = tmp_path / "audit.html"
    run = run_m2m("audit", str(release.folder), rows[0].clip_id, "--html", str(page))
    assert run.returncode == 4
    assert "\x1b" not in run.stdout
    assert "alert('x')" in run.stdout
    text = page.read_text()
    assert text.count("</script>") == text.count("<script") == 2
    assert "<img" not in text
    assert "alert('x')" in text


def test_the_page_holds_everything_and_loads_nothing(release: Release, tmp_path: Path) -> None:
    """One file: counts, findings and a row for every clip, and the same bytes again."""
    clip = _tamper(release)
    done, page = audit(release.folder), tmp_path / "audit.html"
    write_page(done, None, page)
    text = page.read_text()
    assert not re.search(r"https?:|src=|@import|url\(", text)
    assert "default-src 'none'" in text
    data = re.search(r'<script type="application/json" id="audit">(.*)</script>', text)
    assert data
    values = json.loads(data[1])
    assert values["counts"] == done.counts
    assert values["findings"][1]["clip"] == clip
    assert [row[0] for row in values["clips"]] == release.ids
    assert [row[0] for row in values["clips"] if row[-1]] == [clip]
    first = page.read_bytes()
    write_page(done, None, page)
    assert page.read_bytes() == first


def test_a_page_of_one_clip_can_say_nan(release: Release, tmp_path: Path) -> None:
    """JSON cannot: a check that could not run is null there."""
    row = next(row for row in read_manifest(release.manifest) if row.status == "failed")
    write_page(audit(release.folder, row.clip_id), row.clip_id, tmp_path / "audit.html")
    text = (tmp_path / "audit.html").read_text()
    assert '"value":null' in text
    assert "NaN" not in text


def test_sums_that_were_computed_again_do_not_help(run_m2m, release: Release) -> None:
    """The provenance and the manifest still tell."""
    clip = _tamper(release)
    write_sums(release.folder)
    run = run_m2m("audit", str(release.folder), "--json")
    found = {(f["kind"], f["clip"]) for f in json.loads(run.stdout)["findings"]}
    assert (run.returncode, found) == (4, {("changed_shard", ""), ("changed_sample", clip)})
