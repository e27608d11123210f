"""The README.md of a release: what it is, how to read it, and what it does not promise."""

from collections import Counter
from collections.abc import Sequence

from toolkit import __version__
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow, count_clips
from toolkit.params import Release
from toolkit.qa.bounds import wilson_interval
from toolkit.qa.planted import load_planted
from toolkit.review.report import Report

_PLACES = {
    "empty": "the scene without the people who were in it",
    "source": "the scene as it was filmed, **with the people in it**",
}


def make_card(
    name: str,
    release: Release,
    rows: Sequence[ManifestRow],
    labels: Sequence[str],
    review: tuple[str, Report] | None = None,
) -> str:
    """Return the card as Markdown.

    Args:
        name: of the release.
        release: what is in it.
        rows: of its manifest.
        labels: the classes, in the order of their indexes.
        review: version of which people looked at clips, and what they saw.
    """
    counts = count_clips(rows)
    drawn = f"bodies `{release.body}` drawn where people were" if release.body else "no bodies"
    what = (
        f"Video clips of {len(labels)} actions: {_PLACES[release.scene]}, and {drawn}. Made with "
        f"the M2M Kinetics toolkit {__version__}."
    )
    return (
        "\n\n".join(
            (
                f"# {name}",
                what,
                _count(counts, rows),
                _USE if counts[RELEASED] else _EMPTY if release.pixels else _LISTED,
                _PROMISE if not release.shows_people else _SHOWS_PEOPLE,
                *([_tell_bounds(rows, review)] if any(row.checks for row in rows) else []),
                _FILES,
            )
        )
        + "\n"
    )


def _count(counts: dict[str, int], rows: Sequence[ManifestRow]) -> str:
    splits = sorted({row.split for row in rows})
    lines = [
        "| | " + " | ".join((*splits, "all")) + " |",
        "| --- |" + " ---: |" * (len(splits) + 1),
    ]
    for status in counts:
        chosen = [row for row in rows if status in ("ingested", row.status)]
        of_split = Counter(row.split for row in chosen)
        cells = [str(of_split[split]) for split in splits]
        lines.append(f"| {status} | " + " | ".join((*cells, str(len(chosen)))) + " |")
    why = Counter(
        reason.split(" ")[0] if " over " in reason or "could not run" in reason else reason
        for row in rows
        if row.status == QUARANTINED
        for reason in row.reason.split("; ")
    )
    if why:
        lines += ["", "Quarantined, by what held a clip back (a clip may have several):", ""]
        lines += [f"- {reason}: {count}" for reason, count in sorted(why.items())]
    return "\n".join(lines)


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
        + (f", before there were the checks {', '.join(newer)}." if newer else ".")
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
    return "## How sure it is\n\nBounds are one-sided, at 95%.\n\n" + "\n".join(lines)


_USE = """## Use

```python
import webdataset

for sample in webdataset.WebDataset("data/train-00000-of-00001.tar", shardshuffle=False):
    sample["mp4"], sample["json"], sample["cls"], sample.get("safetensors")
```

`datasets.load_dataset("webdataset", data_files={"train": "data/train-*.tar"})` reads the same
files. `json` holds id, label, split, frames, rate and number of people; `cls` the index of the
label; `safetensors` the SMPL-X parameters of each person, named `TRACK.FIELD`."""

_LISTED = """## Use

This release holds no video. `lists/` names the clips it consists of, for whoever has them, and
holds `dvc.yaml` and `params.yaml`, from which the rest is built."""

_EMPTY = """## Use

This release holds no video, because no clip came through."""

_PROMISE = """## What is checked, and what is not promised

Every clip passed every check of the toolkit against its source; `manifest.parquet` has each value
beside its limit. These are detectors, and detectors miss things: *released* means that the checks
passed, not that a clip is anonymous. Nothing here hides who someone is from the way they move or
from the place, nor from others who know the source."""

_SHOWS_PEOPLE = """## This is not anonymous

By its definition this variant shows the people filmed, and no check of the toolkit was run on it.
It is for comparison on your own machine: do not publish its pixels."""

_FILES = """## Files

- `manifest.parquet`: a row for every clip that was taken in: released, or why not
- `provenance.intoto.json`: what it was made from, and by which configuration
- `SHA256SUMS`: of every other file; `sha256sum --check SHA256SUMS`

`m2m audit` on this folder checks all of it."""
