"""What is found in the clips of a data set: what two splits share, labels, names."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from toolkit.splits.clips import Clip
from toolkit.splits.findings import Finding
from toolkit.splits.known import DataSet
from toolkit.splits.read import TRAIN

_NUM_NAMED = 10


def find_in_clips(clips: Sequence[Clip], known: DataSet | None) -> Iterator[Finding]:
    """Yield what two splits share and must not, and names that contradict labels.

    Args:
        clips: of all splits, sorted by split.
        known: the data set that their names tell.
    """
    yield from _find_repeated(clips, known)
    if known is not None:
        yield from _find_leaks(clips, known)
        yield from _find_odd_names(clips, known)
    yield from _find_wrong_labels(clips)
    if len({clip.split for clip in clips}) == 1:
        yield Finding("one_split", "", f"all {len(clips):,} rows are of {clips[0].split}")


def find_class_gaps(clips: Sequence[Clip], *, are_numbers: bool) -> Iterator[Finding]:
    """Yield labels that are missing from all splits (where they are numbers), or from some."""
    labels = {clip.cls for clip in clips}
    missing = sorted(set(range(max(labels) + 1)) - labels)
    if are_numbers and missing:
        some = ", ".join(map(str, missing[:_NUM_NAMED]))
        more = f" and {len(missing) - _NUM_NAMED} more" if len(missing) > _NUM_NAMED else ""
        detail = f"{len(labels)} labels, the largest {max(labels)}, without {some}{more}"
        yield Finding("class_gap", "", detail)
    trained = {clip.cls for clip in clips if clip.split == TRAIN}
    tested = {clip.cls for clip in clips if clip.split != TRAIN}
    first = {clip.cls: clip for clip in reversed(clips)}
    if trained and tested:
        for kind, only in (
            ("untrained_class", tested - trained),
            ("untested_class", trained - tested),
        ):
            for label in sorted(only):
                yield Finding(kind, first[label].where, _name_class(first[label]))


def _find_repeated(clips: Sequence[Clip], known: DataSet | None) -> Iterator[Finding]:
    """Yield paths that stand twice, and paths or file names of two splits."""
    shared = set()
    for key, same in _group(clips, lambda clip: clip.key).items():
        first = _find_first(same)
        for clip in same:
            if (other := first[clip.split]) is not clip:
                labels = (
                    "" if clip.cls == other.cls else f", with label {other.cls}, not {clip.cls}"
                )
                yield Finding("duplicate", clip.where, f"{other.where} has {clip.path} too{labels}")
        if len(first) > 1:
            shared.add(key)
            yield _tell_overlap("overlap", first)
    for stem, same in _group(clips, lambda clip: clip.stem).items():
        first = _find_first([clip for clip in same if clip.key not in shared])
        if len(first) > 1:
            is_clip = known is not None and known.stem.fullmatch(stem)
            yield _tell_overlap("overlap" if is_clip else "same_stem", first)


def _tell_overlap(kind: str, first: Mapping[str, Clip]) -> Finding:
    *others, last = first.values()
    where = " and ".join(f"{clip.where} ({clip.split})" for clip in others)
    return Finding(kind, last.where, f"{last.path} ({last.split}) is {others[0].path} of {where}")


def _find_leaks(clips: Sequence[Clip], known: DataSet) -> Iterator[Finding]:
    """Yield groups of two splits, by their names."""
    for group, same in sorted(
        _group([c for c in clips if c.group], lambda c: c.group or "").items()
    ):
        if len(_find_first(same)) < 2:
            continue
        leaking = {"": same}
        if known.within_class:
            by_class = _group(same, _name_class)
            leaking = {
                label: some for label, some in by_class.items() if len(_find_first(some)) > 1
            }
        for label, some in leaking.items():
            yield _tell_leak("group_leak", f"{known.group} {group} {label}".rstrip(), some)
        if not leaking:
            yield _tell_leak("shared_source", f"{known.group} {group}", same)


def _tell_leak(kind: str, what: str, clips: Sequence[Clip]) -> Finding:
    counts = Counter(clip.split for clip in clips)
    told = ", ".join(f"{number:,} of {split}" for split, number in counts.items())
    return Finding(kind, list(_find_first(clips).values())[-1].where, f"{what}: {told}")


def _find_wrong_labels(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Yield clips with another label than most clips that are named for the same class."""
    usual: dict[int, list[str]] = defaultdict(list)
    for name, same in sorted(
        _group([c for c in clips if c.named], lambda c: c.named or "").items()
    ):
        counts = Counter(clip.cls for clip in same)
        label = min(counts, key=lambda label: (-counts[label], label))
        usual[label].append(name)
        for clip in same:
            if clip.cls != label:
                detail = f"{clip.path} has label {clip.cls}, {counts[label]:,} others {label}"
                yield Finding("wrong_label", clip.where, detail)
    for label, names in sorted(usual.items()):
        if len(names) > 1:
            yield Finding("merged_classes", "", f"label {label} is {', '.join(names[:_NUM_NAMED])}")


def _find_odd_names(clips: Sequence[Clip], known: DataSet) -> Iterator[Finding]:
    for clip in clips:
        if not known.stem.fullmatch(clip.stem):
            yield Finding("odd_name", clip.where, f"{clip.path} is none of {known.title}")
        elif clip.group is None:
            yield Finding("odd_name", clip.where, f"{clip.path} does not tell its {known.group}")


def _group(clips: Sequence[Clip], get: Callable[[Clip], str]) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[get(clip)].append(clip)
    return groups


def _find_first(clips: Sequence[Clip]) -> dict[str, Clip]:
    """Return the first clip of each split, in the order of the splits."""
    first: dict[str, Clip] = {}
    for clip in clips:
        first.setdefault(clip.split, clip)
    return first


def _name_class(clip: Clip) -> str:
    return f"label {clip.cls}" + (f" ({clip.label})" if clip.label else "")
