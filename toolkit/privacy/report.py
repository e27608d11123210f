"""The profile of a release, privacy against utility: from its manifest, provenance and reviews.

It tells what the release says of itself. Whether that is so, ``m2m audit`` finds out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.files import check_source
from toolkit.manifest import QUARANTINED, RELEASED, ManifestRow, count_clips, read_manifest
from toolkit.models import load_registry
from toolkit.privacy.examples import Example, read_examples
from toolkit.privacy.remains import Remark, tell_remains, tell_removed
from toolkit.qa.checks import load_meanings
from toolkit.qa.planted import Planted, from_benchmark, load_planted
from toolkit.release.provenance import MANIFEST, read_statement, release_name
from toolkit.release.sums import SUMS, hash_file
from toolkit.review.report import Rate, Report, find_report

NUM_BINS = 40


@dataclass(frozen=True)
class CheckProfile:
    """A check over all clips that it measured.

    Attributes:
        held_back: clips that it kept from being released, alone or with others.
        highest_released: the largest value among released clips; None without any.
        end: where the last bin ends; higher values are in it too.
        released, quarantined: number of clips in each of ``NUM_BINS`` bins from 0 on.
        not_run: clips on which it could not run, which are in no bin.
    """

    name: str
    meaning: str
    limit: float
    severity: str
    held_back: int
    highest_released: float | None
    end: float
    released: Sequence[int]
    quarantined: Sequence[int]
    not_run: int


@dataclass(frozen=True)
class Weights:
    """A network that took part: in making the clips, in checking them, or both."""

    name: str
    purpose: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class Profile:
    """What an auditor is told.

    Attributes:
        digest: sha256 of SHA256SUMS, which stands for the whole release.
        kept: label to how many of its clips are released, and how many were taken in.
        planted: what came of planted leaks; ``recall`` is the same with intervals, by kind.
        false_alarms: clips without a leak that were held back, of the same clips.
        leak_bound: of the share of released clips that show somebody, by planted leaks.
        weakest_bound: the same if all leaks were of the kind that is caught least often.
        unmeasured: checks that there were not when leaks were planted.
        version: whose review it is; empty if nobody has looked.
        attack: what an attack on the release has come to, as pairs; empty without one.
    """

    release: str
    toolkit_version: str
    digest: str
    counts: Mapping[str, int]
    kept: Mapping[str, tuple[int, int]]
    checks: Sequence[CheckProfile]
    weights: Sequence[Weights]
    planted: Planted
    false_alarms: Rate
    recall: Mapping[str, Rate]
    leak_bound: float
    weakest_bound: float
    unmeasured: Sequence[str]
    version: str
    review: Report | None
    removed: Sequence[Remark]
    remains: Sequence[Remark]
    attack: Sequence[tuple[str, str]]
    examples: Sequence[Example]


def make_profile(
    folder: Path,
    reviews: Path,
    *,
    version: str | None = None,
    leaks: Path | None = None,
    attack: Path | None = None,
) -> Profile:
    """Make the profile of a release.

    Args:
        folder: of the release.
        reviews: where verdicts are kept, by release and version.
        version: whose review; None: the newest one of clips that are still the same.
        leaks: what ``python -m benchmarks.stages --json`` wrote; None: the figures that ship.
        attack: JSON of any shape.

    Raises:
        InputError: it is no release, none of its clips was checked, or a file is not what it
            should be.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: is no release (no {MANIFEST}): name the folder of one")
    statement, rows = read_statement(folder), read_manifest(folder / MANIFEST)
    if not any(row.checks for row in rows):
        raise InputError(
            f"{folder}: none of its clips was checked (it is a list, or shows the people filmed): "
            "name a release of anonymised videos"
        )
    check_source(folder / SUMS)
    name, checks = release_name(statement), _profile_checks(rows)
    planted = from_benchmark(_read_json(leaks)) if leaks else load_planted()
    recall = {kind: Rate.of(*of_kind) for kind, of_kind in planted.kinds.items()}
    version, review = find_report(reviews, name, rows, version) or ("", None)
    examples = read_examples(folder, rows)
    draws_bodies = _draws_bodies(statement)
    return Profile(
        release=name,
        toolkit_version=__version__,
        digest=hash_file(folder / SUMS),
        counts=count_clips(rows),
        kept=_count_kept(rows),
        checks=checks,
        weights=_find_weights(statement),
        planted=planted,
        recall={"all": Rate.of(*planted.counted), **recall},
        false_alarms=Rate.of(planted.clean_quarantined, planted.clean_clips),
        leak_bound=planted.bound(rows),
        weakest_bound=planted.bound(rows, planted.weakest),
        unmeasured=sorted({check.name for check in checks} - set(planted.checks)),
        version=version,
        review=review,
        removed=tell_removed(examples, draws_bodies=draws_bodies),
        remains=tell_remains(draws_bodies=draws_bodies),
        attack=list(_flatten(_read_json(attack))) if attack else [],
        examples=examples,
    )


def _profile_checks(rows: Sequence[ManifestRow]) -> list[CheckProfile]:
    """Profile each check that measured a clip, in the order of the limits that ship."""
    meanings = load_meanings()
    of_rows = [{check.name: check for check in row.checks} for row in rows]
    names = {name for checks in of_rows for name in checks}
    order = [name for name in meanings if name in names] + sorted(names - set(meanings))
    profiles = []
    for name in order:
        found = [(r.status, c[name]) for r, c in zip(rows, of_rows, strict=True) if name in c]
        ran = [(status, check.value) for status, check in found if isfinite(check.value)]
        limit = found[0][1].limit
        end = 2 * limit or 1.0
        bins = {
            status: Counter(
                min(int(v / end * NUM_BINS), NUM_BINS - 1) for s, v in ran if s == status
            )
            for status in (RELEASED, QUARANTINED)
        }
        profiles.append(
            CheckProfile(
                name=name,
                meaning=meanings.get(name, ""),
                limit=limit,
                severity=found[0][1].severity,
                held_back=sum(status == QUARANTINED and check.blocks for status, check in found),
                highest_released=max((v for s, v in ran if s == RELEASED), default=None),
                end=end,
                released=[bins[RELEASED][i] for i in range(NUM_BINS)],
                quarantined=[bins[QUARANTINED][i] for i in range(NUM_BINS)],
                not_run=len(found) - len(ran),
            )
        )
    return profiles


def _count_kept(rows: Sequence[ManifestRow]) -> dict[str, tuple[int, int]]:
    """Return label to released and taken in, those of which the least is left first."""
    total = Counter(row.label for row in rows)
    released = Counter(row.label for row in rows if row.status == RELEASED)
    order = sorted(total, key=lambda label: (released[label] / total[label], label))
    return {label: (released[label], total[label]) for label in order}


def _draws_bodies(statement: Mapping[str, Any]) -> bool:
    """Whether bodies are drawn; where the statement does not say, they may be."""
    params = statement["predicate"]["buildDefinition"]["externalParameters"].get("params")
    release = params.get("release") if isinstance(params, dict) else None
    return not isinstance(release, dict) or release.get("body", "") is not None


def _find_weights(statement: Mapping[str, Any]) -> list[Weights]:
    """Return the networks that took part: what has a licence among what went in."""
    registry = load_registry()
    try:
        found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        return [
            Weights(
                str(item["name"]),
                registry[item["name"]].purpose if item["name"] in registry else "",
                str(item["digest"].get("sha256", "")),
                str(item["annotations"]["licence"]),
            )
            for item in found
            if "licence" in item.get("annotations", ())
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"the provenance names what went in otherwise than we do ({error}): fetch the release "
            "again"
        ) from error


def _read_json(path: Path) -> Any:  # noqa: ANN401 - whatever a file holds
    check_source(path)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}): write it again") from error


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Yield what JSON holds as pairs: a.b for what is inside, a.0 for what is in a list."""
    if isinstance(value, dict | list) and value:
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in inside:
            yield from _flatten(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, f"{value:.4g}" if isinstance(value, float) else str(value)


def make_json(profile: Profile) -> str:
    """Return the profile as JSON, without the pictures."""
    values = asdict(profile)
    for example in values["examples"]:
        del example["jpeg"]
    return json.dumps(values, indent=1) + "\n"


def make_lines(profile: Profile) -> list[tuple[str, str]]:
    """Return what matters most as pairs of what and how much, for a terminal."""
    recall = profile.recall["all"]
    held = [f"{check.name} {check.held_back}" for check in profile.checks if check.held_back]
    seen = profile.review.visible if profile.review else None
    return [
        ("release", profile.release),
        ("clips", ", ".join(f"{number} {name}" for name, number in profile.counts.items())),
        ("held back by", ", ".join(held) or "nothing"),
        ("planted leaks caught", f"{recall.count} of {recall.total} (synthetic actors)"),
        ("  at most (95%)", f"{profile.leak_bound:.2%} of released clips show somebody"),
        ("looked at by people", f"{seen.total} clips ({profile.version})" if seen else "nobody"),
        *([("  at most (95%)", f"{seen.upper_bound:.2%} show somebody")] if seen else []),
    ]
