"""The pages of a release say what is in it, how sure it is, and what it may be used for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.described import LIST, NAME, hash_all, make_project, make_release
from tests.review.conftest import make_row
from toolkit.errors import ConfigError, InputError
from toolkit.licences import Component, find_licence
from toolkit.manifest import ManifestRow
from toolkit.params import Release, read_params
from toolkit.qa.planted import load_planted
from toolkit.release.card import CARD, Contents, make_pages
from toolkit.release.facts import read_facts
from toolkit.review.report import Report, find_report
from toolkit.review.verdicts import Verdict, write_verdicts
from toolkit.stages.project import Project

CARDS = ROOT / "dataset_cards"
PLACEHOLDERS = re.compile(r"More Information Needed|TODO|TBD|FIXME|\bN/A\b|\{\{|\{%|Undefined")
VIDEOS = Release(scene="empty", body=None, pixels=True)
ROWS = [make_row(f"clip{i:02}") for i in range(30)]
ROWS += [make_row("held", status="quarantined", reason="faces 0.9 over 0.5 in frame 7", faces=0.9)]


def make_card(
    name: str,
    release: Release,
    rows: list[ManifestRow],
    labels: list[str],
    review: tuple[str, Report] | None = None,
) -> str:
    """Return the card of a release of Kinetics, whose words are those of the nohuman variant."""
    facts = read_facts(CARDS, "nohuman-kinetics", "kinetics")
    parts = [Component("videos of Kinetics", "videos", facts.source.videos)]
    licence = find_licence(facts.licence, name)
    contents = Contents("nohuman-kinetics", release, facts, rows, labels, parts, licence, review)
    return make_pages(contents, CARDS)[CARD]


def _review(folder: Path, version: str, *verdicts: Verdict) -> None:
    write_verdicts(verdicts, folder / "some" / f"{version}.csv")


def _say(clip_id: str, verdict: str = "ok", sha: str | None = None) -> Verdict:
    return Verdict(clip_id, "ann", clip_id * 2 if sha is None else sha, "wave", verdict, "")


def test_only_a_list_points_to_its_lists() -> None:
    """A release of videos has none, also where no clip came through."""
    listed = Release(scene="empty", body=None, pixels=False)
    assert "lists/" in make_card("some", listed, [], [])
    assert "lists/" not in make_card("some", VIDEOS, [], [])
    assert "no clip came through" in make_card("some", VIDEOS, [], [])


def test_how_strong_the_checks_are_is_told_with_a_bound() -> None:
    """From planted leaks always; and that these checks are newer than the figures."""
    card = make_card("some", VIDEOS, ROWS, ["wave"])
    planted = load_planted()
    assert f"{planted.counted.planted} leaks" in card
    assert planted.command in card
    assert f"at most {planted.bound(ROWS):.2%} of the released" in card
    assert "checks added since" not in card
    assert "Nobody has looked at these clips yet." in card
    newer = make_row("new", checks=(type(ROWS[0].checks[0])("brandnew", 0, 1, True, 0, (), ""),))
    assert "added since then: brandnew" in make_card("some", VIDEOS, [*ROWS, newer], ["wave"])


def test_without_checks_there_is_no_bound() -> None:
    """Of what shows the people filmed, and of lists, nothing of the kind is said."""
    source = Release(scene="source", body=None, pixels=True)
    rows = [make_row("a", checks=())]
    assert "How sure" not in make_card("some", source, rows, ["wave"])
    assert "How sure" not in make_card("some", VIDEOS, rows, ["wave"])


def test_the_newest_review_of_these_clips_counts(tmp_path: Path) -> None:
    """v1.10.0 is newer than v1.9.0; verdicts on other bytes, or on held clips only, are none."""
    assert find_report(tmp_path, "some", ROWS) is None
    _review(tmp_path, "v1.9.0", _say("clip00", "person_visible"))
    _review(tmp_path, "v1.10.0", _say("clip00"), _say("clip01"))
    _review(tmp_path, "v2.0.0", _say("clip00", sha="old"))
    _review(tmp_path, "v2.1.0", _say("held"))
    review = find_report(tmp_path, "some", ROWS)
    assert review is not None
    assert review[0] == "v1.10.0"
    card = make_card("some", VIDEOS, ROWS, ["wave"], review)
    assert "looked at 2 (v1.10.0): a person is visible in 0, so in at most 77.64% of all" in card
    assert card == make_card("some", VIDEOS, ROWS, ["wave"], review)


def _pages(project: Project, name: str) -> dict[str, str]:
    folder = project.release(name)
    names = (CARD, "DATASHEET.md", "LICENSES.md", "CITATION.cff", "croissant.json")
    return {page: (folder / page).read_text("utf-8") for page in names}


@pytest.mark.parametrize("name", sorted(read_params(ROOT / "params.yaml").releases))
@pytest.mark.parametrize("source", ["kinetics", "actors"])
def test_no_placeholder_is_left(name: str, source: str) -> None:
    """In no page of any of the six releases, of any source."""
    release = read_params(ROOT / "params.yaml").releases[name]
    facts = read_facts(CARDS, name, source)
    parts = [Component("videos", "videos", facts.source.videos)]
    licence = find_licence(facts.licence, name)
    contents = Contents(name, release, facts, ROWS, ["wave"], parts, licence)
    for page, text in make_pages(contents, CARDS).items():
        found = PLACEHOLDERS.search(text)
        assert not found, f"{page}: {found}"


def test_all_questions_of_the_datasheet_are_answered(described: Project) -> None:
    """58 in seven sections, each with an answer of its own words."""
    for name in (NAME, LIST):
        page = _pages(described, name)["DATASHEET.md"]
        assert len(re.findall(r"^## ", page, re.MULTILINE)) == 7
        numbers = re.findall(r"\n\n### (\d+)\. .+\?\n\n", page)
        assert numbers == [str(number) for number in range(1, 59)]
        answers = re.split(r"^#+ .*$", page, flags=re.MULTILINE)[2:]
        assert sum(len(answer.strip()) > 2 for answer in answers) == 58


def test_the_datasheet_is_honest_about_people() -> None:
    """Of real clips it says: nobody asked, the background stays, gait stays, who maintains it."""
    facts = read_facts(CARDS, NAME, "kinetics")
    release = Release(scene="empty", body="mannequin", pixels=True)
    parts = [Component("videos of Kinetics", "videos", facts.source.videos)]
    licence = find_licence(facts.licence, NAME)
    pages = make_pages(Contents(NAME, release, facts, ROWS, ["wave"], parts, licence), CARDS)
    page = " ".join(pages["DATASHEET.md"].split())
    for words in ("Nobody was asked by this toolkit", "original background stays", "by their gait",
                  "Possibly.", facts.maintainer.name):  # fmt: skip
        assert words in page
    assert "31 clips were taken in; 30 are released, 1 quarantined, 0 failed." in page
    assert "videos of Kinetics (uploaders)" in pages["LICENSES.md"]


def test_the_front_matter_is_what_the_hub_reads(described: Project) -> None:
    """One kind of data a release, declared features, licence, and the clause on removals."""
    _, front, _ = _pages(described, NAME)[CARD].split("---\n", 2)
    said = yaml.safe_load(front)
    paths = [file["path"] for config in said["configs"] for file in config["data_files"]]
    assert paths == ["data/train-*.tar", "data/val-*.tar"]
    assert (said["license"], said["license_link"]) == ("other", "LICENSES.md")
    assert said["size_categories"] == ["n<1K"]
    assert "most recent version" in said["extra_gated_prompt"]
    checks = [field for field, kind in said["extra_gated_fields"].items() if kind == "checkbox"]
    assert any("not try to find out who" in field for field in checks)
    _, front, _ = _pages(described, LIST)[CARD].split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["license"] == "cc-by-4.0"
    (config,) = said["configs"]
    assert {file["path"] for file in config["data_files"]} == {"lists/train.csv", "lists/val.csv"}


def test_what_a_source_names_means_nothing_to_a_browser() -> None:
    """A reason with markup is shown as it is, a label stays in its quotes, a split is refused."""
    rows = [make_row("a", status="quarantined", reason="`<script>`")]
    card = make_card("some", VIDEOS, rows, ["<script>alert(1)</script>\n---\nlicense: mit"])
    _, front, text = re.split(r"^---$", card, maxsplit=2, flags=re.MULTILINE)
    assert yaml.safe_load(front)["license"] == "other"
    assert "<script>" not in text
    with pytest.raises(InputError, match="would be no split on the Hub"):
        make_card("some", VIDEOS, [make_row("a", split='x"); evil("')], ["wave"])


def test_the_snippets_of_the_card_run(described: Project, tmp_path: Path) -> None:
    """Each as it is printed, beside a folder with the repository's name, and without a network."""
    repository = tmp_path / "m2m-kinetics" / NAME
    shutil.copytree(described.release(NAME), repository)
    snippets = re.findall(r"```python\n(.+?)```", (repository / CARD).read_text("utf-8"), re.DOTALL)
    assert len(snippets) == 4
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "print(9 * '-')\n".join(snippets)],
        cwd=tmp_path,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    printed = [said.split("\n")[:-1] for said in run.stdout.split("---------\n")]
    assert [len(lines) for lines in printed] == [7, 1, 7, 7]
    ids = [[line.split(" ")[0] for line in lines] for lines in printed]
    assert sorted(ids[0]) == sorted(ids[2]) == sorted(ids[3])


def test_another_build_gives_the_same_bytes(described: Project, tmp_path: Path, root: Path) -> None:
    """Of every file, in another place."""
    other = make_release(make_project(tmp_path / "elsewhere", root))
    assert hash_all(other) == hash_all(described.release(NAME))


def test_results_are_told_where_there_are_some(tmp_path: Path) -> None:
    """A table beside the template becomes one on the card."""
    cards = tmp_path / "cards"
    shutil.copytree(CARDS, cards)
    (cards / NAME / "results.csv").write_text("benchmark,top-1\nUCF101,93.5 ± 0.2\n")
    facts = read_facts(cards, NAME, "actors")
    licence = find_licence(facts.licence, NAME)
    pages = make_pages(Contents(NAME, VIDEOS, facts, ROWS, ["wave"], [], licence), cards)
    assert "| benchmark | top-1 |\n| --- | --- |\n| UCF101 | 93.5 ± 0.2 |" in pages[CARD]


def test_a_part_that_does_not_bear_the_licence_stops_it(tmp_path: Path, root: Path) -> None:
    """By name; what was released before stays as it was."""
    project = make_project(tmp_path / "project", root)
    folder = make_release(project)
    before = hash_all(folder)
    facts = project.cards / NAME / "facts.yaml"
    facts.write_text(facts.read_text("utf-8") + "licence: CC-BY-4.0\n")
    make_release(project)
    assert "license: cc-by-4.0" in (folder / CARD).read_text("utf-8")
    source = project.cards / "sources/actors.yaml"
    source.write_text(source.read_text("utf-8").replace("videos: CC0-1.0", "videos: uploaders"))
    before = hash_all(folder)
    with pytest.raises(ConfigError, match=r"^videos of Synthetic .* allows research only, and"):
        make_release(project)
    source.write_text(source.read_text("utf-8").replace("uploaders", "WTFPL"))
    with pytest.raises(ConfigError, match=r"^videos of .*: nothing is known of its licence 'WTFPL"):
        make_release(project)
    assert hash_all(folder) == before


def test_missing_or_wrong_facts_are_told_by_file_and_name(tmp_path: Path) -> None:
    """No source, no folder, a name too many, a template with a slip."""
    with pytest.raises(ConfigError, match=r"source\.name: .*actors, kinetics"):
        read_facts(CARDS, NAME, None)
    with pytest.raises(ConfigError, match=r"some/facts\.yaml: cannot be read.*copy dataset_cards"):
        read_facts(CARDS, "some", "actors")
    cards = tmp_path / "cards"
    shutil.copytree(CARDS, cards)
    (cards / NAME / "facts.yaml").write_text("title: x\nabout: ''\ncolour: blue\n")
    with pytest.raises(ConfigError, match=r"about: .*colour: "):
        read_facts(cards, NAME, "actors")
    facts = read_facts(CARDS, NAME, "actors")
    contents = Contents(NAME, VIDEOS, facts, ROWS, [], [], find_licence(facts.licence, NAME))
    (cards / NAME / "card.md.j2").write_text("{{ nothing }}")
    with pytest.raises(ConfigError, match=r"card\.md\.j2: 'nothing' is undefined"):
        make_pages(contents, cards)
    (cards / NAME / "card.md.j2").unlink()
    with pytest.raises(ConfigError, match=r"card\.md\.j2 is missing"):
        make_pages(contents, cards)
