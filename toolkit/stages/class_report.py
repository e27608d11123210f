"""What ``m2m knexus report`` does in a project: embed what is not embedded yet, and compare."""

from pathlib import Path

from toolkit.errors import InputError
from toolkit.knexus.lists import read_labels
from toolkit.knexus.report import Report, Wanted, make_report
from toolkit.knexus.select import METHODS
from toolkit.progress import StartStage
from toolkit.stages.classes import digest_means, embed_videos, gather_evidence
from toolkit.stages.ingest import list_clips
from toolkit.stages.project import Project


def report_classes(
    project: Project,
    start_stage: StartStage,
    *,
    ks: tuple[int, ...],
    methods: tuple[str, ...],
    num_seeds: int,
    classes_from: Path | None,
    probe: bool,
) -> Report:
    """Compare methods on the videos of a project, whatever method it is built with.

    Args:
        project: whose source was ingested.
        start_stage: ``toolkit.progress``.
        ks: how many classes; none: ``classes.k``, or half of all.
        methods: none: all of them.
        num_seeds: from ``classes.seed`` on.
        classes_from: a list to compare with.
        probe: whether linear probes are fitted.

    Raises:
        ToolkitError: the source was not ingested, the encoder is not there, a class has no video
            that can be read, or there are fewer classes than k.
    """
    wanted = project.params.classes
    given = (classes_from.name, read_labels(classes_from)) if classes_from else None
    if not project.sources_table.is_file():
        raise InputError(
            f"{project.sources_table} is not there: run  dvc repro ingest  in the project"
        )
    seeds = tuple(range(wanted.seed, wanted.seed + num_seeds))
    Wanted(methods=methods or METHODS)  # a wrong name is told before videos are read
    rows = embed_videos(project, start_stage)
    evidence = gather_evidence(project, list_clips(project), rows)
    ks = ks or (wanted.k or max(1, len(evidence.labels) // 2),)
    asked = Wanted(methods or METHODS, ks, seeds, probe=probe)
    num_choices = len(ks) * sum(
        1 if name == "resound-greedy" else num_seeds for name in asked.methods
    )
    return make_report(
        evidence,
        asked,
        given,
        start_stage("report", num_choices),
        encoder=wanted.encoder,
        frame=wanted.frame,
        embeddings_sha256=digest_means(evidence),
    )
