"""Whether a data set has as many rows and classes as a published list of it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from toolkit.splits.clips import Clip
from toolkit.splits.findings import Finding
from toolkit.splits.known import DataSet, KnownList
from toolkit.splits.read import TEST, VAL


def compare_counts(
    clips: Sequence[Clip], known: DataSet | None
) -> tuple[KnownList | None, list[Finding]]:
    """Return the known list that has as many rows and classes, or how the nearest one differs."""
    if known is None:
        return None, [Finding("no_group_rule", "", f"such as {clips[0].path}")]
    num_rows = Counter(clip.split for clip in clips)
    num_classes = len({clip.cls for clip in clips})
    compared = [
        (listed, _compare(listed, num_rows, num_classes))
        for listed in known.lists
        if listed.num_classes == num_classes or not known.by_classes
    ]
    # A list without a count for these splits may be the one, so it goes before those that differ.
    found = min(compared, key=lambda pair: (len(pair[1] or ()), pair[1] is None), default=None)
    if found is None or found[1] is None:
        counts = ", ".join(f"{split} {number:,}" for split, number in num_rows.items())
        detail = f"{known.title}, rows: {counts}; classes: {num_classes}"
        return None, [Finding("no_known_count", "", detail)]
    listed, differences = found
    if not differences:
        return listed, []
    return None, [
        Finding("wrong_count", "", f"{known.title}, {listed.name}: {detail}")
        for detail in differences
    ]


def _compare(listed: KnownList, num_rows: Mapping[str, int], num_classes: int) -> list[str] | None:
    """Return how counts differ from those of a list; None where it says nothing of these splits."""
    counted = {
        split: known
        for split in num_rows
        if (known := listed.num_rows.get(VAL if split == TEST else split))
    }
    if not counted:
        return None
    differences = [
        f"{split} has {num_rows[split]:,} rows, the list {known:,}"
        for split, known in counted.items()
        if num_rows[split] != known
    ]
    if listed.num_classes not in (None, num_classes):
        differences.append(f"{num_classes} classes, the list has {listed.num_classes}")
    return differences
