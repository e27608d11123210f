"""What choosing classes by each method comes to, beside chance, other seeds and a given list.

Shape suffixes: C classes, D numbers of an embedding, S classes of a subset.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.knexus.bias import recall_by_means, recall_by_probe, resound_bias
from toolkit.knexus.lists import name_list
from toolkit.knexus.select import METHODS, Choice, Evidence, choose
from toolkit.knexus.view import lay_out
from toolkit.m2m.types import Array

NUM_RANDOM = 1000
CHANCE_SEED = 20_240
"""Of the random subsets that all are compared with: none that a user would give."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Subset:
    """How hard a choice of classes is for whoever sees single frames.

    Attributes:
        recall_means, recall_probe: mean recall by the nearest class mean and by a linear probe;
            the latter None where it was not asked for.
        bias_means, bias_probe: RESOUND bias in nats by each.
        similarity: mean cosine of the means of each two classes; None for one class.
        bias_similarity: log similarity + log k, which the paper's script calls bias: that mean in
            the place of a recall; None where the similarity is not positive.
    """

    recall_means: float
    recall_probe: float | None
    bias_means: float
    bias_probe: float | None
    similarity: float | None
    bias_similarity: float | None


@dataclass(frozen=True)
class Chance:
    """Random subsets of k classes: by ``bias_means``.

    Attributes:
        mean, spread: of the bias; spread is the standard deviation.
        similarity: mean of the similarities.
    """

    k: int
    num_subsets: int
    mean: float
    spread: float
    similarity: float | None


@dataclass(frozen=True)
class SeedResult:
    """A choice with one seed.

    Attributes:
        p_lower: (1 + random subsets whose bias is as low or lower) / (1 + all of them).
        p_higher: likewise, as high or higher.
        p_unlike: likewise, whose similarity is as low or lower; None for one class.
    """

    seed: int
    classes: tuple[str, ...]
    subset: Subset
    p_lower: float
    p_higher: float
    p_unlike: float | None
    converged: bool | None


@dataclass(frozen=True)
class MethodResult:
    """A method at one k.

    Attributes:
        seeds: what each seed chose; one where chance has no part in it.
        stability: mean Jaccard index of each two seeds' choices; None with one seed.
        overlap_given: share of the chosen that is in the given list; None without one.
        chance_given: the share that random subsets have of it; None likewise.
        overlap_random: the share of the chosen that a random subset of k has: k / C.
        clusters: of the first seed; none where the method makes none.
        within_similarity: mean cosine of two classes of one cluster; None where there is no such.
    """

    method: str
    k: int
    seeds: tuple[SeedResult, ...]
    stability: float | None
    overlap_given: float | None
    chance_given: float | None
    overlap_random: float
    clusters: tuple[tuple[str, ...], ...]
    within_similarity: float | None


@dataclass(frozen=True)
class Place:
    """Where a class lies on the map."""

    label: str
    x: float
    y: float
    num_videos: int


@dataclass(frozen=True)
class Report:
    """All that is told.

    Attributes:
        encoder, frame: how videos were embedded.
        num_videos: that were embedded.
        embeddings_sha256: of the class means.
        all_classes: the bias of the whole.
        given: of the given list, the classes that are there, as a choice of its own.
        num_given: how many the list has.
        given_name: what the list is known as, or its file.
    """

    encoder: str
    frame: str
    num_videos: int
    num_classes: int
    embeddings_sha256: str
    all_classes: Subset
    methods: tuple[MethodResult, ...]
    chance: tuple[Chance, ...]
    given: SeedResult | None
    num_given: int
    given_name: str
    places: tuple[Place, ...]
    toolkit_version: str


@dataclass(frozen=True)
class Wanted:
    """What is to be compared.

    Attributes:
        methods: names of ``toolkit.knexus.select.METHODS``.
        ks: how many classes.
        seeds: with which every method that has chance in it is run.
        probe: whether linear probes are fitted, which is most of the work.
        num_random: subsets that stand for chance.
    """

    methods: tuple[str, ...] = METHODS
    ks: tuple[int, ...] = (2,)
    seeds: tuple[int, ...] = (0, 1, 2)
    probe: bool = True
    num_random: int = NUM_RANDOM

    def __post_init__(self) -> None:
        """Refuse what is none of the methods, and nothing at all."""
        if unknown := [name for name in self.methods if name not in METHODS]:
            raise InputError(f"unknown method '{unknown[0]}': choose one of {', '.join(METHODS)}")
        if not self.methods or not self.ks or not self.seeds:
            raise InputError("a report needs a method, a k and a seed: name one of each")


def make_report(
    evidence: Evidence,
    wanted: Wanted,
    given: tuple[str, Sequence[str]] | None,
    advance: Advance,
    *,
    encoder: str,
    frame: str,
    embeddings_sha256: str,
) -> Report:
    """Compare methods on the same embeddings.

    Args:
        evidence: the embeddings.
        wanted: what to compare.
        given: the name of a list and its labels.
        advance: called with 1 after each choice that was measured.
        encoder: how videos were embedded, likewise ``frame``.
        frame: see there.
        embeddings_sha256: see ``Report``.

    Raises:
        InputError: a class has one video only, there are fewer classes than k, or the list has no
            class of the source.
    """
    listed = evidence.index(given[1]) if given else []
    if given and not listed:
        raise InputError(
            f"{given[0]}: none of its {len(given[1])} classes is in the source: name another list"
        )
    chance = {k: _try_chance(evidence, k, wanted.num_random) for k in wanted.ks}
    given_chance = _try_chance(evidence, len(listed), wanted.num_random) if listed else None
    results = [
        _try_method(evidence, method, k, wanted, chance[k][1], listed, advance)
        for k in wanted.ks
        for method in wanted.methods
    ]
    own = None
    if given and given_chance:
        own = _judge(evidence, Choice(tuple(listed)), 0, wanted.probe, given_chance[1])
    return Report(
        encoder,
        frame,
        len(evidence.class_N),
        len(evidence.labels),
        embeddings_sha256,
        measure(evidence, range(len(evidence.labels)), probe=wanted.probe),
        tuple(results),
        tuple(stats for stats, _ in chance.values()),
        own,
        len(given[1]) if given else 0,
        (name_list(given[1]) or given[0]) if given else "",
        tuple(
            Place(label, float(x), float(y), int(count))
            for label, (x, y), count in zip(
                evidence.labels, lay_out(evidence.means_CD), evidence.num_videos_C, strict=True
            )
        ),
        __version__,
    )


def measure(evidence: Evidence, subset: Sequence[int], *, probe: bool) -> Subset:
    """Return how hard a subset of the classes is."""
    recall_S = recall_by_means(evidence.nearer_NC, evidence.class_N, subset)
    alike = _liken(evidence, subset)
    of_script = math.log(alike * len(subset)) if alike and alike > 0 else None
    found = Subset(float(recall_S.mean()), None, resound_bias(recall_S), None, alike, of_script)
    if not probe:
        return found
    recall_S = recall_by_probe(evidence.embeddings_ND, evidence.class_N, subset)
    return replace(found, recall_probe=float(recall_S.mean()), bias_probe=resound_bias(recall_S))


def _liken_within(evidence: Evidence, clusters: Sequence[Array]) -> float | None:
    """Return the mean similarity of all pairs of classes that share a cluster."""
    pairs = [(len(cluster) * (len(cluster) - 1), _liken(evidence, cluster)) for cluster in clusters]
    num_pairs = sum(num for num, _ in pairs)
    if not num_pairs:
        return None
    return sum(num * alike for num, alike in pairs if alike is not None) / num_pairs


def _liken(evidence: Evidence, subset: Sequence[int] | Array) -> float | None:
    if len(subset) < 2:
        return None
    means_SD = evidence.means_CD[list(subset)]
    unit_SD = means_SD / np.maximum(np.linalg.norm(means_SD, axis=1, keepdims=True), 1e-12)
    total = float(np.square(unit_SD.sum(0)).sum())  # of each with each, itself too
    return (total - len(subset)) / (len(subset) * (len(subset) - 1))


def _try_chance(evidence: Evidence, k: int, num_subsets: int) -> tuple[Chance, list[Subset]]:
    """Return what random subsets come to, and each of them."""
    rng = np.random.default_rng(CHANCE_SEED)
    tried = [
        measure(evidence, np.sort(rng.permutation(len(evidence.labels))[:k]).tolist(), probe=False)
        for _ in range(num_subsets)
    ]
    biases = [found.bias_means for found in tried]
    known = [found.similarity for found in tried if found.similarity is not None]
    alike = float(np.mean(known)) if known else None
    return Chance(k, num_subsets, float(np.mean(biases)), float(np.std(biases)), alike), tried


def _try_method(
    evidence: Evidence,
    method: str,
    k: int,
    wanted: Wanted,
    tried: Sequence[Subset],
    listed: Sequence[int],
    advance: Advance,
) -> MethodResult:
    seeds = wanted.seeds[:1] if method == "resound-greedy" else wanted.seeds
    results, choices = [], []
    for seed in seeds:
        choice = choose(method, evidence, k, seed)
        choices.append(choice)
        results.append(_judge(evidence, choice, seed, wanted.probe, tried))
        advance(1)
    pairs = [jaccard(one.chosen, other.chosen) for one, other in combinations(choices, 2)]
    shares = [len(set(choice.chosen) & set(listed)) / k for choice in choices]
    clusters: list[Array] = []
    if choices[0].clustering:
        cluster_C = choices[0].clustering.cluster_C
        clusters = [np.flatnonzero(cluster_C == cluster) for cluster in range(k)]
    return MethodResult(
        method,
        k,
        tuple(results),
        float(np.mean(pairs)) if pairs else None,
        float(np.mean(shares)) if listed else None,
        len(listed) / len(evidence.labels) if listed else None,
        k / len(evidence.labels),
        tuple(tuple(evidence.labels[index] for index in cluster) for cluster in clusters),
        _liken_within(evidence, clusters),
    )


def _judge(
    evidence: Evidence, choice: Choice, seed: int, probe: bool, tried: Sequence[Subset]
) -> SeedResult:
    subset = measure(evidence, choice.chosen, probe=probe)
    slack = 1e-12  # the same recall, summed in another order

    def share(num: int) -> float:
        return (1 + num) / (1 + len(tried))

    unlike = None
    if subset.similarity is not None:
        most = subset.similarity + slack
        unlike = share(
            sum(found.similarity is not None and found.similarity <= most for found in tried)
        )
    return SeedResult(
        seed,
        tuple(evidence.labels[index] for index in choice.chosen),
        subset,
        share(sum(found.bias_means <= subset.bias_means + slack for found in tried)),
        share(sum(found.bias_means >= subset.bias_means - slack for found in tried)),
        unlike,
        choice.clustering.converged if choice.clustering else None,
    )


def jaccard(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the share of the classes of either choice that are in both."""
    return len(set(one) & set(other)) / len(set(one) | set(other))


def make_json(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def make_lines(report: Report) -> list[str]:
    """Return a table for the terminal: of the first seed, but for p, which is of the worst."""
    heads = (
        "method",
        "k",
        "bias",
        "chance",
        "p lower",
        "recall",
        "probe",
        "alike",
        "stable",
        "listed",
    )
    whole = report.all_classes
    what = (
        f"{report.num_classes} classes, {report.num_videos} videos, {report.encoder}, "
        f"{report.frame} frame; all classes: bias {whole.bias_means:.3f} nats, "
        f"recall {whole.recall_means:.3f}"
    )
    lines = [
        what,
        f"{heads[0]:<15}" + "".join(f"{head:>8}" for head in heads[1:]),
    ]
    chance = {stats.k: stats for stats in report.chance}
    for result in report.methods:
        first = result.seeds[0]
        cells = (
            str(result.k),
            f"{first.subset.bias_means:.3f}",
            f"{chance[result.k].mean:.3f}",
            f"{max(found.p_lower for found in result.seeds):.3f}",
            f"{first.subset.recall_means:.3f}",
            tell(first.subset.recall_probe),
            tell(first.subset.similarity),
            tell(result.stability),
            tell(result.overlap_given),
        )
        lines.append(f"{result.method:<15}" + "".join(f"{cell:>8}" for cell in cells))
    if report.given:
        lines.append(
            f"{report.given_name}: {len(report.given.classes)} of {report.num_given} classes are "
            f"here, bias {report.given.subset.bias_means:.3f}, p lower {report.given.p_lower:.3f}"
        )
    return lines


def tell(value: float | None) -> str:
    """Return a number with two places, or a dash."""
    return "-" if value is None else f"{value:.2f}"
