"""The results file: what one evaluation found, and all that it is bound to.

One ``results.json`` for each condition, task, protocol and seed, with its predictions beside it.
Whatever the predictions themselves say (recipe, seed, hashes) is copied from there, never told
twice; ``read_results`` gives back what ``write_results`` wrote, or names what is wrong.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import torch

from benchmarks.evaluate import Predictions, write_predictions
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.release.sums import hash_file

SCHEMA = "m2m-results/1"
SUITES = ("mini", "paper")
PROTOCOLS = ("finetune", "probe")
RESULTS_NAME, PREDICTIONS_NAME = "results.json", "predictions.parquet"


@dataclass(frozen=True)
class Dataset:
    """The release that the model was pre-trained on.

    Attributes:
        name, version: of the release.
        digest: of the clips that were trained on (``benchmarks.clips.ClipSet``).
    """

    name: str
    version: str
    digest: str


@dataclass(frozen=True)
class Results:
    """What one evaluation found.

    Attributes:
        schema: ``SCHEMA``.
        entry: the method or model that is entered.
        suite: of ``SUITES``.
        condition: what it was pre-trained and aligned on.
        task: the downstream data set (``benchmarks.tasks``).
        protocol: of ``PROTOCOLS``.
        recipe, config_hash: all numbers of the training on the task.
        code_version, code_hash: of the toolkit, and of the modules of ``benchmarks``.
        dataset: the release that was pre-trained on.
        metrics: top1, top5 and mean_class, 0 to 1, as they follow from the predictions.
        num_clips: evaluated.
        predictions: path, relative to the results file, and sha256 of the Parquet.
        weights_sha256: of the classifier.
        hardware: processor, or accelerator.
        seconds: of training on the task and evaluating.
        evaluation: spans and crops that were averaged.
    """

    schema: str
    entry: str
    suite: str
    condition: str
    task: str
    protocol: str
    seed: int
    recipe: str
    config_hash: str
    code_version: str
    code_hash: str
    dataset: Mapping[str, str]
    metrics: Mapping[str, float]
    num_clips: int
    predictions: Mapping[str, str]
    weights_sha256: str
    hardware: str
    seconds: float
    evaluation: Mapping[str, int]


def measure(predictions: Predictions) -> dict[str, float]:
    """Return top1, top5 and mean_class of predictions, 0 to 1."""
    found = predictions.measure()
    return {
        "top1": found["top1"],
        "top5": found["top5"],
        "mean_class": found["mean_class_accuracy"],
    }


def name_hardware() -> str:
    """Return the accelerator that PyTorch would use, or the processor and the threads it has."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    models = [
        line.partition(":")[2].strip()
        for line in _read_lines(Path("/proc/cpuinfo"))
        if line.startswith("model name")
    ]
    return f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"


def _read_lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def write_results(
    folder: Path,
    predictions: Predictions,
    dataset: Dataset,
    *,
    entry: str,
    suite: str,
    condition: str,
    task: str,
    seconds: float,
) -> Results:
    """Write predictions and what follows from them into a folder; the results file comes last.

    Raises:
        InputError: the folder cannot be written, or the predictions are of neither protocol.
    """
    facts = predictions.facts
    training = facts["training"]
    if training.get("task") not in PROTOCOLS:
        raise InputError(
            f"results are of weights that {' or '.join(PROTOCOLS)} made, not "
            f"{training.get('task')}: evaluate others with  python -m benchmarks.evaluate"
        )
    make_folder(folder)
    write_predictions(predictions, folder / PREDICTIONS_NAME)
    results = Results(
        schema=SCHEMA,
        entry=entry,
        suite=suite,
        condition=condition,
        task=task,
        protocol=training["task"],
        seed=training["seed"],
        recipe=training["recipe"],
        config_hash=training["config_hash"],
        code_version=facts["version"],
        code_hash=facts["code_sha256"],
        dataset=asdict(dataset),
        metrics=measure(predictions),
        num_clips=len(predictions.clip_ids),
        predictions={
            "path": PREDICTIONS_NAME,
            "sha256": hash_file(folder / PREDICTIONS_NAME),
        },
        weights_sha256=facts["weights_sha256"],
        hardware=name_hardware(),
        seconds=round(seconds, 1),
        evaluation={"spans": facts["num_spans"], "crops": facts["num_crops"]},
    )
    with write_output(folder / RESULTS_NAME) as partial:
        partial.write_text(json.dumps(asdict(results), indent=2, sort_keys=True) + "\n", "utf-8")
    return results


def read_results(path: Path) -> Results:
    """Read a results file; whether it is true is another question.

    Raises:
        InputError: it cannot be read, a key is missing or unknown, or a value is of another kind.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = {field.name for field in fields(Results)}
        if missing := sorted(known - set(values)):
            raise InputError(
                f"{path} lacks {', '.join(missing)}: write it again with benchmarks.results_file"
            )
        if extra := sorted(set(values) - known):
            raise InputError(f"{path} has {', '.join(extra)}, which no results have: leave it out")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no results file ({error}): name a results.json") from error
    if values["schema"] != SCHEMA:
        raise InputError(f"{path} has the schema {values['schema']!a}; known is {SCHEMA}")
    kinds = {"str": str, "int": int, "float": (int, float)}
    for name, kind in get_type_hints(Results).items():
        expected = kinds.get(getattr(kind, "__name__", ""), dict)
        if not isinstance(values[name], expected) or isinstance(values[name], bool):
            raise InputError(f"{path}: {name} is {values[name]!a}: write the results again")
    return Results(**values)
