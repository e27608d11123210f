"""The pages of a release: README.md (the card), DATASHEET.md, LICENSES.md, CITATION.cff.

Their words are in ``dataset_cards/`` (``toolkit.release.facts``), their figures come from the
manifest. Names that a source brings along are escaped: a label may hold anything.
"""

import csv
import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import ConfigError, InputError
from toolkit.licences import Component, Licence, describe, find_licence, solve
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow, count_clips
from toolkit.params import Release
from toolkit.qa.bounds import wilson_interval
from toolkit.qa.planted import load_planted
from toolkit.release.facts import SHARED, Facts
from toolkit.review.report import Report

CARD = "README.md"
_TEMPLATES = {
    CARD: "{release}/card.md.j2",
    "DATASHEET.md": f"{SHARED}/datasheet.md.j2",
    "LICENSES.md": f"{SHARED}/licences.md.j2",
    "CITATION.cff": f"{SHARED}/citation.cff.j2",
}
_SCENES = {
    "empty": "the scene without the people who were in it",
    "source": "the scene as it was filmed, **with the people in it**",
}
_SPLIT = re.compile(r"\w+(\.\w+)*", re.ASCII)
_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Contents:
    """A release as its pages see it.

    Attributes:
        release: what is to be in it.
        rows: of its manifest.
        labels: the classes, in the order of their indexes.
        components: what it was made with, and what its source is under.
        licence: which it gets, and which they bear.
        review: version of which people looked at clips, and what they saw.
    """

    name: str
    release: Release
    facts: Facts
    rows: Sequence[ManifestRow]
    labels: Sequence[str]
    components: Sequence[Component]
    licence: Licence
    review: tuple[str, Report] | None = None

    @cached_property
    def shards(self) -> dict[str, str]:
        """Name of each tar to its split, sorted."""
        return {row.shard: row.split for row in sorted(self.rows, key=_shard_of) if row.shard}

    @cached_property
    def splits(self) -> list[str]:
        """The splits that have a clip: train first, for that is where people begin."""
        found = {row.split for row in self.rows if not self.release.pixels or row.shard}
        return sorted(found, key=lambda split: (split != "train", split))

    @property
    def repository(self) -> str:
        """Its place on the Hub, ORGANISATION/NAME."""
        return f"{self.facts.organisation}/{self.name}"

    @property
    def url(self) -> str:
        """Its page on the Hub."""
        return f"https://huggingface.co/datasets/{self.repository}"

    @property
    def licence_line(self) -> str:
        """Under which licence it is, in a sentence."""
        return f"Licence: {self.licence.name} ({self.licence.says})."


def _shard_of(row: ManifestRow) -> str:
    return row.shard


def make_pages(contents: Contents, cards: Path) -> dict[str, str]:
    """Return file name to text of each page.

    Args:
        contents: of the release.
        cards: the folder of templates.

    Raises:
        ConfigError: a template is missing or wrong.
        InputError: a split has a name that the Hub would not take.
    """
    import jinja2

    for split in contents.splits:
        if not _SPLIT.fullmatch(split):
            raise InputError(
                f"split {split!a} of {contents.name} would be no split on the Hub: rename it to "
                "letters, digits and _"
            )

    environment = jinja2.Environment(  # noqa: S701 - Markdown, and _plain escapes what is not ours
        loader=jinja2.FileSystemLoader(cards),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = _make_values(contents, cards)
    pages = {}
    for page, template in _TEMPLATES.items():
        name = template.format(release=contents.name)
        try:
            text = environment.get_template(name).render(values)
        except jinja2.TemplateNotFound as error:
            raise ConfigError(
                f"{cards / str(error.name)} is missing: copy dataset_cards of the toolkit into the "
                "project"
            ) from error
        except jinja2.TemplateError as error:
            raise ConfigError(f"{cards / name}: {error}: correct it") from error
        pages[page] = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    pages[CARD] = f"---\n{_make_front_matter(contents)}---\n\n{pages[CARD]}"
    return pages


def _make_values(contents: Contents, cards: Path) -> dict[str, Any]:
    """Return what templates may use."""
    release, facts, paper = contents.release, contents.facts, contents.facts.paper
    return {
        "title": facts.title,
        "version": release.version,
        "facts": facts,
        "labels": contents.labels,
        "scene": _SCENES[release.scene],
        "toolkit": __version__,
        "counts": _count(contents.rows),
        "num": count_clips(contents.rows),
        "held": _tell_held(contents.rows),
        "bounds": _tell_bounds(contents.rows, contents.review)
        if any(row.checks for row in contents.rows)
        else "",
        "results": _read_results(cards / contents.name / "results.csv"),
        "shards": list(contents.shards),
        "splits": contents.splits,
        "split": next(iter(contents.splits), ""),
        "is_list": not release.pixels,
        "has_bodies": release.body is not None,
        "shows_people": release.shows_people,
        "repo": contents.repository,
        "url": contents.url,
        "licence_line": contents.licence_line,
        "bibtex": f"@misc{{{paper.key},\n  title = {{{paper.title}}},\n  author = "
        f"{{{paper.authors}}},\n  howpublished = {{\\url{{{paper.url}}}}}\n}}",
        **_explain_licences(contents.components),
    }


def _explain_licences(components: Sequence[Component]) -> dict[str, Any]:
    """Return what is allowed, and by which part it is decided."""
    answers = []
    for answer in solve(components):
        deciding = ", ".join(f"{part.name} ({part.licence})" for part in answer.decided_by)
        because = f"Decided by {deciding}." if deciding else "No part restricts it."
        says = describe(answer.allows)
        answers.append({"subject": answer.subject, "says": says, "because": because})
    parts = []
    for part in components:
        licence = find_licence(part.licence, part.name)
        name = f"[{part.licence}]({licence.url})" if licence.url else part.licence
        says = licence.says
        parts.append({"name": part.name, "kind": part.kind, "licence": name, "says": says})
    return {"answers": answers, "parts": parts}


def _read_results(path: Path) -> str:
    """Return a table of benchmark results; empty where there is none."""
    if not path.is_file():
        return ""
    header, *rows = csv.reader(path.read_text("utf-8").splitlines())
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines)


def _plain(text: str) -> str:
    """Return text that means nothing to Markdown or HTML."""
    one_line = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", one_line)


def _count(rows: Sequence[ManifestRow]) -> str:
    counts = count_clips(rows)
    splits = sorted({row.split for row in rows})
    lines = [
        "| | " + " | ".join((*map(_plain, splits), "all")) + " |",
        "| --- |" + " ---: |" * (len(splits) + 1),
    ]
    for status in counts:
        chosen = [row for row in rows if status in ("ingested", row.status)]
        of_split = Counter(row.split for row in chosen)
        cells = [str(of_split[split]) for split in splits]
        lines.append(f"| {status} | " + " | ".join((*cells, str(len(chosen)))) + " |")
    return "\n".join(lines)


def _tell_held(rows: Sequence[ManifestRow]) -> str:
    """Return how many clips each reason held back."""
    why = Counter(
        reason.split(" ")[0] if " over " in reason or "could not run" in reason else reason
        for row in rows
        if row.status == QUARANTINED
        for reason in row.reason.split("; ")
    )
    return "\n".join(f"- {_plain(reason)}: {count}" for reason, count in sorted(why.items()))


def _tell_bounds(rows: Sequence[ManifestRow], review: tuple[str, Report] | None) -> str:
    planted = load_planted()
    (caught, total), weakest = planted.counted, planted.kinds[planted.weakest]
    low, high = wilson_interval(caught, total)
    newer = sorted({check.name for row in rows for check in row.checks} - set(planted.checks))
    lines = [
        f"- **Planted leaks.** Into clips of synthetic people {total} leaks were planted on "
        f"purpose, and the checks caught {caught} ({caught / total:.1%}; 95% interval {low:.1%} to "
        f"{high:.1%}), fewest of kind `{planted.weakest}`: {weakest.caught} of {weakest.planted}. "
        f"By that and by what was held back here, at most {planted.bound(rows):.2%} of the "
        "released clips show somebody. This supposes that real leaks are as easy to catch as "
        f"planted ones. Measured with `{planted.command}`"
        + (f"; checks added since then: {', '.join(newer)}." if newer else ".")
    ]
    if review:
        version, report = review
        seen = report.visible
        lines.append(
            f"- **People.** Of the released clips, somebody looked at {seen.total} ({version}): "
            f"a person is visible in {seen.count}, so in at most {seen.upper_bound:.2%} of all. "
            "This supposes that these clips are like the others, and that whoever looked saw "
            "what there was."
        )
    else:
        lines.append("- **People.** Nobody has looked at these clips yet.")
    return "\n".join(lines)


def _make_front_matter(contents: Contents) -> str:
    """Return what the Hub reads: declared features, for those that are guessed can be wrong.

    Only tars (of a list, its tables) are named as data: a second kind would be read as the first.
    """
    from huggingface_hub import DatasetCardData

    facts, licence = contents.facts, contents.licence
    named = {} if licence.hub else {"license_name": licence.name, "license_link": "LICENSES.md"}
    is_in = (row.status == RELEASED or not contents.release.pixels for row in contents.rows)
    values: dict[str, Any] = {
        **named,
        "pretty_name": facts.title,
        "version": contents.release.version,
        "task_categories": ["video-classification"],
        "tags": list(facts.tags),
        "size_categories": [_find_size(sum(is_in))],
        **_describe_data(contents),
    }
    if contents.release.pixels:
        values |= {
            "extra_gated_prompt": "\n".join(f"- {term}" for term in facts.terms),
            "extra_gated_fields": {
                "Affiliation": "text",
                "What I want it for": "text",
                "I will not try to find out who the people in the source videos were": "checkbox",
                "I will move to the most recent version and delete withdrawn ones": "checkbox",
            },
        }
    text: str = DatasetCardData(license=licence.hub or "other", **values).to_yaml()
    return text.rstrip() + "\n"


def _find_size(num_clips: int) -> str:
    """Return the category of a size, as the Hub names them."""
    names = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
    return names[sum(num_clips >= size for size in _SIZES)]


def _describe_data(contents: Contents) -> dict[str, Any]:
    if not contents.splits:
        return {"viewer": False}
    pattern = "data/{}-*.tar" if contents.release.pixels else "lists/{}.csv"
    paths = [{"split": split, "path": pattern.format(split)} for split in contents.splits]
    data: dict[str, Any] = {
        "configs": [{"config_name": contents.name, "data_files": paths, "default": True}]
    }
    if contents.release.pixels:
        features = _list_features(contents)
        data["dataset_info"] = {"config_name": contents.name, "features": features}
    return data


def _list_features(contents: Contents) -> list[dict[str, Any]]:
    """Return the columns that datasets makes of a tar, in its own notation."""
    json_fields = {
        "clip_id": "string", "cls": "int64", "fps": "float64", "height": "int64",
        "label": "string", "num_frames": "int64", "num_people": "int64", "split": "string",
        "width": "int64",
    }  # fmt: skip
    labels = {str(number): label for number, label in enumerate(contents.labels)}
    return [
        {"name": "cls", "dtype": {"class_label": {"names": labels}}},
        {"name": "json", "struct": [{"name": n, "dtype": t} for n, t in json_fields.items()]},
        {"name": "mp4", "dtype": "video"},
        *([{"name": "safetensors", "dtype": "binary"}] if contents.release.body else []),
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]
