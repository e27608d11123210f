"""Stage describe: what was packed becomes a release that stands alone."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from toolkit import models
from toolkit.errors import ToolkitError
from toolkit.files import write_output
from toolkit.licences import Component, check_licence, list_components
from toolkit.manifest import ManifestRow, count_clips, read_manifest
from toolkit.progress import StartStage
from toolkit.qa.checks import load_limits
from toolkit.release.card import Contents, make_pages
from toolkit.release.croissant import write_croissant
from toolkit.release.facts import read_facts
from toolkit.release.provenance import MANIFEST, Dependency, make_statement, write_statement
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.release.sums import hash_file, write_sums
from toolkit.review.report import find_report
from toolkit.stages.clips import make_stage
from toolkit.stages.gate import GATE, list_stages
from toolkit.stages.ingest import read_classes
from toolkit.stages.package import DVC_YAML, KEY, PACKAGE, hash_packed, summary_path
from toolkit.stages.project import Project
from toolkit.stages.rows import tell_again


def describe(project: Project, _start_stage: StartStage, release: str) -> None:
    """Put a release together: what was packed, its pages, its provenance, and SHA256SUMS.

    Raises:
        ToolkitError: there is no key, or what lies in ``work/`` is not what was packed last.
        ConfigError: facts are missing, or a part of the release does not bear its licence.
    """
    pseudonyms = Pseudonyms.from_file(project.key_file)
    packed, folder = project.work(f"{release}/{PACKAGE}"), project.release(release)
    if hash_packed(packed) != json.loads(summary_path(project, release).read_text("utf-8")):
        raise ToolkitError(
            f"{packed} is not what {PACKAGE} made: {tell_again(f'{release}/{PACKAGE}')}"
        )
    rows = read_manifest(packed / MANIFEST)
    contents = _gather(project, release, rows)
    pages = make_pages(contents, project.cards)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(packed, folder, ignore=shutil.ignore_patterns(f"*{KEY}"))
    params = project.params.model_dump(mode="json", exclude={"run", "ids", "source", "releases"})
    params["release"] = project.find_release(release).model_dump(mode="json")
    config_hashes = {
        stage: make_stage(project, stage.rpartition("/")[2], release).config_hash
        for stage in list_stages(project, release)
    }
    limits = json.dumps(dict(load_limits()), sort_keys=True)
    config_hashes[f"{release}/{GATE}"] = hashlib.sha256(limits.encode()).hexdigest()
    dependencies = _find_dependencies(project, release, pseudonyms)
    counts = count_clips(rows)
    statement = make_statement(folder, release, params, config_hashes, dependencies, counts)
    write_statement(statement, folder)
    for page, text in pages.items():
        with write_output(folder / page) as partial:
            partial.write_text(text, "utf-8")
    write_croissant(folder, contents)
    write_sums(folder)


def _gather(project: Project, release: str, rows: Sequence[ManifestRow]) -> Contents:
    """Return what the pages of a release tell.

    Raises:
        ConfigError: facts are missing, or a part of the release does not bear its licence.
    """
    wanted = project.find_release(release)
    facts = read_facts(project.cards, release, project.params.source.name)
    source = facts.source
    components = [
        *(Component(part.name, part.kind, part.licence, part.bodies) for part in facts.components),
        Component(source.name, "annotations", source.annotations),
    ]
    if wanted.pixels:
        videos = Component(f"videos of {source.name}", "videos", source.videos)
        components = list_components(project.params.profile, wanted.body, [*components, videos])
    subject = "rendered video" if wanted.pixels else "labels and lists"
    return Contents(
        release,
        wanted,
        facts,
        rows,
        read_classes(project),
        components,
        check_licence(facts.licence, components, subject),
        find_report(project.reviews, release, rows),
    )


def _find_dependencies(project: Project, release: str, pseudonyms: Pseudonyms) -> list[Dependency]:
    """Return what a release was made from; what is the user's own by its keyed digest only."""
    private = [*project.annotations, project.sources_table]
    found = [
        Dependency(path.name, {"hmac-sha256": pseudonyms.digest(hash_file(path))})
        for path in private
    ]
    found.append(Dependency(DVC_YAML, {"sha256": hash_file(project.root / DVC_YAML)}))
    found += _find_commit(project.root)
    weights = {
        name: sha256
        for stage in list_stages(project, release)
        for name, sha256 in make_stage(project, stage.rpartition("/")[2], release).models.items()
    }
    for name, sha256 in sorted(weights.items()):
        about = {
            "licence": models.find(name).licence,
            "origin": models.origin_of(name) or "unknown",
        }
        found.append(Dependency(name, {"sha256": sha256}, about))
    return found


def _find_commit(root: Path) -> list[Dependency]:
    """Return the commit of the project, and whether its files differ from it; nothing outside git.

    dvc.lock is left out: DVC is still writing it.
    """
    git = ("git", "-C", str(root))
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return []
    changes = [*git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock"]
    status = subprocess.run(changes, capture_output=True, text=True, check=False)
    state = "modified" if status.stdout.strip() else "clean"
    return [Dependency("project", {"gitCommit": head.stdout.strip()}, {"state": state})]
