"""The gate: holds a release's table of checks to its suites, and stops the build or lets it go on.

It reads what stage gate wrote, but decides anew from the numbers and the limits, so that a fault in
the one does not let through what the other holds back.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ToolkitError
from toolkit.files import make_folder, write_output
from toolkit.manifest import RELEASED
from toolkit.parquet import import_pyarrow
from toolkit.progress import StartStage
from toolkit.qa.checks import CRITICAL, Limit, load_limits
from toolkit.stages.ingest import list_inputs
from toolkit.stages.project import Project

if TYPE_CHECKING:
    import pandas as pd

_NUM_TOLD = 20

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before it is imported: nothing is sent anywhere


@dataclass(frozen=True, order=True)
class Fault:
    """What is not as it must be.

    Attributes:
        clip_id: empty where it is the whole table.
        check: the column.
        value: as text; empty where it is missing.
        frame: the worst one; -1 where there is none.
        stops: whether the build must not go on.
    """

    clip_id: str
    check: str
    value: str
    frame: int
    stops: bool = False

    def __str__(self) -> str:
        """Say it in one line."""
        value = f" {self.value}" if self.value else " missing"
        frame = f" in frame {self.frame}" if self.frame >= 0 else ""
        return f"{self.clip_id or 'the table'}: {self.check}{value}{frame}"


def validate(project: Project, start_stage: StartStage, release: str) -> None:
    """Write what was found to data/RELEASE/validation.json, and pages in data/RELEASE/validation.

    Raises:
        ToolkitError: a clip that is released must not be, a clip is lost, or, if params.yaml says
            ``failing_clips: stop``, a clip failed a check or could not be checked.
    """
    advance = start_stage(f"{release}/validate", 1)
    table = _read_qa(project.table(f"{release}/qa"))
    wanted = project.find_release(release)
    is_list = not wanted.pixels
    stop = project.params.failing_clips == "stop" and not is_list
    limits = {} if is_list or wanted.shows_people else load_limits()
    folder = project.table(f"{release}/qa").parent
    expected = [clip.row.clip_id for clip in list_inputs(project)]
    faults = _find_faults(table, expected, folder / "validation", limits, stop)
    found = {
        "release": release,
        "clips": len(table),
        "failing_clips": project.params.failing_clips,
        "faults": [asdict(fault) for fault in faults],
    }
    with write_output(folder / "validation.json") as partial:
        partial.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    advance(1)
    stopping = [fault for fault in faults if fault.stops]
    if stopping:
        raise ToolkitError(_tell(release, stopping))


def _read_qa(path: Path) -> "pd.DataFrame":
    _, pq = import_pyarrow()
    return pq.read_table(path).to_pandas()


def _tell(release: str, faults: list[Fault]) -> str:
    """Say what stops the build, clip by clip, and what to do."""
    clips = sorted({fault.clip_id for fault in faults})
    lines = [f"{release}: {len(clips)} clips must not go on:"]
    lines += [f"  {fault}" for fault in faults[:_NUM_TOLD]]
    if len(faults) > _NUM_TOLD:
        lines.append(f"  ... and {len(faults) - _NUM_TOLD} more")
    lines.append(
        f"data/{release}/validation/index.html shows all; to leave failing clips out, write "
        "failing_clips: quarantine  in params.yaml and run  dvc repro"
    )
    return "\n".join(lines)


def _find_faults(
    table: "pd.DataFrame", expected: list[str], site: Path, limits: Mapping[str, Limit], stop: bool
) -> list[Fault]:
    """Run the suites, and write the pages.

    Args:
        table: qa.parquet.
        expected: the clips that were taken in.
        site: where the pages go.
        limits: check to limit; none where a release's clips are not checked.
        stop: whether a clip that is held back stops the build too.
    """
    from validation.suites import expect_checks, expect_every_clip

    rows = {"every-clip": table, "measured": table[table.measured]}
    rows["released"] = table[table.status == RELEASED]
    suites = [expect_every_clip(expected)]
    if limits:
        suites += [expect_checks(name, limits) for name in ("measured", "released")]
    stops: dict[Fault, bool] = {}
    for name, result in _run([(suite, rows[suite.name]) for suite in suites], site):
        is_bad = result.expectation_config.severity == CRITICAL and (name != "measured" or stop)
        for fault in _read_result(result, rows[name]):
            stops[fault] = stops.get(fault, False) or is_bad
    stops |= {Fault(clip, "row", "", -1): True for clip in set(expected) - {*table.clip_id}}
    for row in table[~table.measured & (table.status != RELEASED)].itertuples():
        stops[Fault(row.clip_id, row.status, row.reason, -1)] = stop
    return sorted(replace(fault, stops=bad) for fault, bad in stops.items())


def _run(batches: Sequence[tuple[Any, "pd.DataFrame"]], site: Path) -> Iterator[tuple[str, Any]]:
    """Run each suite on its rows, and write the pages.

    Yields:
        The suite's name with what Great Expectations says of one expectation.
    """
    import great_expectations as gx

    shutil.rmtree(site, ignore_errors=True)
    make_folder(site)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site.resolve())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    pages = {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
    context.delete_data_docs_site("local_site")  # in /tmp
    context.add_data_docs_site("pages", pages)
    for suite, rows in batches:
        source = context.data_sources.add_pandas(suite.name)
        batch = source.add_dataframe_asset("qa").add_batch_definition_whole_dataframe(suite.name)
        definition = gx.ValidationDefinition(
            name=suite.name, data=batch, suite=context.suites.add(suite)
        )
        checkpoint = gx.Checkpoint(
            name=suite.name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="pages", site_names=["pages"])],
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": ["clip_id", "status"],
            },
        )
        results = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": rows})
        for result in results.run_results.values():
            yield from ((suite.name, item) for item in result.results)


def _read_result(result: Any, rows: "pd.DataFrame") -> Iterator[Fault]:  # noqa: ANN401 - GX's own
    """Yield what an expectation found: a fault a clip, or one of the whole table."""
    if result.success:
        return
    import pandas as pd

    config = result.expectation_config
    column, limit = config.kwargs.get("column", "row"), config.kwargs.get("max_value")
    clips = {item["clip_id"] for item in result.result.get("unexpected_index_list") or ()}
    if not clips:  # of the table, or the expectation itself could not run
        seen = str(result.result.get("observed_value", ""))
        yield Fault("", f"{column} ({config.type})", seen, -1)
    for row in rows[rows.clip_id.isin(clips)].to_dict("records"):
        value, frame = row[column], row.get(f"{column}_frame", -1)
        over = f"{value:.4g} over {limit:g}" if limit is not None else str(value)
        yield Fault(row["clip_id"], column, "" if pd.isna(value) else over, int(frame))
