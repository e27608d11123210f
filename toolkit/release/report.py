"""What ``m2m audit`` shows: tables on the terminal, JSON, and a page that needs nothing else."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit import __version__
from toolkit.files import write_output
from toolkit.manifest import ManifestRow
from toolkit.release.findings import KINDS, Audit
from toolkit.release.sums import as_text

_PAGE = Path(__file__).with_name("audit.html")
_NUM_SHOWN = 10

_CHECKED = {
    "Files": (
        "all are there, unchanged, and nothing else",
        ("changed_shard", "changed_file", "missing_file", "extra_file"),
    ),
    "Records": (
        "manifest and provenance are whole, and say the same",
        ("changed_manifest", "changed_provenance", "wrong_counts"),
    ),
    "Samples": (
        "each clip's sample is the one of the manifest",
        ("changed_sample", "swapped_sample"),
    ),
    "Clips": (
        "each released clip is in its shard, and no other clip is in any",
        ("missing_clip", "unnamed_clip", "unreleased_clip"),
    ),
    "Checks": ("each released clip passed every check", ("failed_check",)),
    "Version": ("its files say which version it is", ("wrong_version",)),
    "Signature": ("it is signed by the key that was given", ("wrong_signature",)),
    "Sources": ("each source file is the one that a clip was made from", ("changed_source",)),
    "Rebuild": ("made again from their source, clips are the same", ("changed_rebuild",)),
}
"""What is checked: what must hold, and the kinds of findings where it does not."""


def print_audit(audit: Audit, clip_id: str | None, console: Console) -> None:
    """Print what was found; with ``clip_id`` how that clip came about, too."""
    console.print(Text(as_text(audit.name) or "release", "bold"))
    console.print(Text(f"sha256 of SHA256SUMS: {audit.digest or 'none'}"), soft_wrap=True)
    table = Table(*audit.counts, "shards read")
    table.add_row(*map(str, (*audit.counts.values(), audit.num_shards)))
    for column in table.columns:
        column.justify = "right"
    console.print(table)
    for row in audit.rows if clip_id is not None else ():
        _print_clip(row, console)
    for what, (rule, num_findings) in _count_findings(audit).items():
        mark, style = (
            ("-", "dim")
            if num_findings is None
            else ("✗", "red")
            if num_findings
            else ("✓", "green")
        )
        note = " (not looked at)" if num_findings is None else ""
        console.print(Text.assemble((f"{mark} {what:<9}", style), f" {rule}{note}"))
    for kind, meaning in KINDS.items():
        found = [finding for finding in audit.findings if finding.kind == kind]
        if not found:
            continue
        console.print(Text.assemble("\n", (kind, "bold red"), f" ({len(found)}): {meaning}"))
        for finding in found[:_NUM_SHOWN]:
            line = "  ".join(filter(None, (finding.clip, finding.file, finding.detail)))
            console.print(Text(f"  {as_text(line)}"), soft_wrap=True)
        if len(found) > _NUM_SHOWN:
            console.print(f"  ... and {len(found) - _NUM_SHOWN} more: --json lists all")


def _print_clip(row: ManifestRow, console: Console) -> None:
    facts = Table("clip", as_text(row.clip_id), show_header=False)
    for name, value in asdict(row).items():
        if name not in ("checks", "chain"):
            facts.add_row(name, Text(as_text(str(value)), overflow="fold"))
    checks = Table("check", "value", "limit", "passed", "worst frame")
    for check in row.checks:
        value = "could not run" if math.isnan(check.value) else f"{check.value:.4g}"
        frame = str(check.worst_frame) if check.worst_frame >= 0 else "-"
        passed = "yes" if check.passed else "no" if check.blocks else "warning"
        checks.add_row(Text(as_text(check.name)), value, f"{check.limit:g}", passed, frame)
    chain = Table("stage", "configuration", "keyed digest of what it made")
    for link in row.chain:
        chain.add_row(*(Text(as_text(text), overflow="fold") for text in asdict(link).values()))
    for table in (facts, checks, chain):
        console.print(table)


def make_json(audit: Audit) -> str:
    """Return what ``m2m audit --json`` prints."""
    values = {
        "ok": audit.ok,
        "num_clips": audit.num_clips,
        "counts": audit.counts,
        "findings": [asdict(finding) for finding in audit.findings],
    }
    return json.dumps(values, indent=1)


def write_page(audit: Audit, clip_id: str | None, out: Path) -> None:
    """Write one HTML file that shows the audit, and loads nothing.

    All that comes from the release goes in as JSON, and the page makes text of it, never markup.
    """
    hit = {finding.clip for finding in audit.findings}
    values = {
        "version": __version__,
        "name": audit.name,
        "clip": clip_id,
        "digest": audit.digest,
        "counts": audit.counts,
        "numShards": audit.num_shards,
        "checked": [
            {"what": what, "rule": rule, "numFindings": num_findings}
            for what, (rule, num_findings) in _count_findings(audit).items()
        ],
        "kinds": KINDS,
        "findings": [asdict(finding) for finding in audit.findings],
        "clips": [_describe(row, row.clip_id in hit) for row in audit.rows],
        "row": _as_json(asdict(audit.rows[0])) if clip_id is not None and audit.rows else None,
    }
    text = json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    with write_output(out) as partial:
        page = _PAGE.read_text("utf-8").replace("{{audit}}", text)
        partial.write_text(page, encoding="utf-8")


def _describe(row: ManifestRow, is_hit: bool) -> list[Any]:
    people = row.num_people if row.num_people >= 0 else None
    texts = [row.clip_id, row.label, row.split, row.status, row.reason, row.shard]
    return [*texts, row.num_frames, people, is_hit]


def _as_json(value: Any) -> Any:  # noqa: ANN401 - what JSON can hold, and NaN
    """Return a value without the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {key: _as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _count_findings(audit: Audit) -> dict[str, tuple[str, int | None]]:
    """Return what must hold, and how often it does not; None where nobody looked."""
    counts = {}
    for what, (rule, kinds) in _CHECKED.items():
        num_findings = sum(finding.kind in kinds for finding in audit.findings)
        looked_at = {
            "Version": audit.has_version,
            "Signature": audit.has_signature,
            "Sources": audit.has_sources,
            "Rebuild": audit.num_rebuilt,
        }
        counts[what] = (rule, num_findings if looked_at.get(what, True) else None)
    return counts
