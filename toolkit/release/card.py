"""The README.md of a release: what it is, how to read it, and what it does not promise."""

from collections import Counter
from collections.abc import Sequence

from toolkit import __version__
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow, count_clips
from toolkit.params import Release

_PLACES = {
    "empty": "the scene without the people who were in it",
    "source": "the scene as it was filmed, **with the people in it**",
}


def make_card(
    name: str, release: Release, rows: Sequence[ManifestRow], labels: Sequence[str]
) -> str:
    """Return the card as Markdown.

    Args:
        name: of the release.
        release: what is in it.
        rows: of its manifest.
        labels: the classes, in the order of their indexes.
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
