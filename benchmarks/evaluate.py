"""The command ``python -m benchmarks.evaluate``: what a classifier says of every clip of a split.

Spans and crops of a clip are averaged as probabilities. The Parquet it writes holds all that the
figures are made of, and says which weights, clips, recipes, seeds and code they come from.
"""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.checkpoints import CheckpointError, load_all, read_checkpoint, read_facts
from benchmarks.clips import ClipSet, open_clips
from benchmarks.loader import EvalClips, load_batches
from benchmarks.recipes import Recipe, load_recipe
from benchmarks.stats import bound_accuracy
from benchmarks.transforms import normalise
from benchmarks.videomae import Classifier
from toolkit import __version__
from toolkit.errors import InputError, ToolkitError
from toolkit.files import check_out, check_source, write_output
from toolkit.parquet import import_pyarrow
from toolkit.progress import show_stages
from toolkit.release.sums import hash_file

_FACTS = b"m2m-predictions"


@dataclass(frozen=True)
class Predictions:
    """What was said of each clip.

    Attributes:
        clip_ids: N of them, sorted.
        cls_N: what each is.
        probabilities_NK: of each class.
        facts: which weights, clips and code these come from.
    """

    clip_ids: tuple[str, ...]
    cls_N: NDArray[np.int64]
    probabilities_NK: NDArray[np.float32]
    facts: dict[str, Any]

    def is_right(self, num_best: int = 1) -> NDArray[np.bool_]:
        """Return for each clip whether its class is among the most probable ones.

        A class as probable as the right one comes before it, so that a model that says the same of
        all classes is never right.
        """
        own_N1 = np.take_along_axis(self.probabilities_NK, self.cls_N[:, None], 1)
        num_before_N = (self.probabilities_NK >= own_N1).sum(1) - 1
        return np.asarray(num_before_N < num_best)

    def measure(self) -> dict[str, Any]:
        """Return top-1 with its 95% interval, top-5, and the mean of accuracies over classes."""
        right_N = self.is_right()
        top1 = bound_accuracy(int(right_N.sum()), len(right_N))
        by_class = [right_N[self.cls_N == cls].mean() for cls in np.unique(self.cls_N)]
        return {
            "top1": top1.value,
            "top1_ci95": [top1.low, top1.high],
            "top5": float(self.is_right(5).mean()),
            "mean_class_accuracy": float(np.mean(by_class)),
            "num_clips": len(right_N),
            "num_classes": len(by_class),
        }


@torch.inference_mode()
def evaluate(
    weights: Path, clips: ClipSet, recipe: Recipe, device: torch.device, num_workers: int = 0
) -> Predictions:
    """Classify every clip by all of its spans and crops.

    Raises:
        CheckpointError: the weights are of no classifier of the recipe's size.
        ToolkitError: a clip cannot be read, or has a class that the classifier has not learned.
    """
    checkpoint = read_checkpoint(weights)
    if "head.bias" not in checkpoint.state:
        raise CheckpointError(f"{weights} has no head: align, fine-tune or probe it first")
    model = Classifier(recipe.size, len(checkpoint.state["head.bias"]))
    load_all(model, checkpoint)
    if clips.num_classes > model.head.out_features:
        raise InputError(
            f"the clips have {clips.num_classes} classes, and {weights} knows "
            f"{model.head.out_features}: name the split of the data set it was trained on"
        )
    model.eval().to(device)
    rows = []
    with show_stages("clips") as start:
        advance = start("evaluate", len(clips))
        plan = [[index] for index in range(len(clips))]
        for batch in load_batches(EvalClips(clips, recipe), plan, num_workers):
            video = normalise(batch.video_BTCHW.to(device)).transpose(1, 2)
            rows.append(model(video).float().softmax(1).mean(0).cpu().numpy())
            advance(1)
    facts = {
        "training": dict(checkpoint.facts),
        "weights_sha256": hash_file(weights),
        "data_digest": clips.digest,
        "num_spans": recipe.num_spans,
        "num_crops": recipe.num_crops,
        "version": __version__,
        "code_sha256": hash_code(),
    }
    return Predictions(
        tuple(clip.clip_id for clip in clips.clips),
        np.array([clip.cls for clip in clips.clips]),
        np.stack(rows),
        facts,
    )


def hash_code() -> str:
    """Return the sha256 over the modules beside this one: which code made a figure."""
    lines = (
        f"{path.name} {hash_file(path)}\n" for path in sorted(Path(__file__).parent.glob("*.py"))
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write a row for each clip, with the facts in the file's metadata; the same bytes each time.

    Raises:
        InputError: ``path`` cannot be written.
    """
    pa, pq = import_pyarrow()
    columns = {
        "clip_id": pa.array(predictions.clip_ids, pa.string()),
        "cls": pa.array(predictions.cls_N, pa.int32()),
        "predicted": pa.array(predictions.probabilities_NK.argmax(1), pa.int32()),
        "probabilities": pa.array(list(predictions.probabilities_NK), pa.list_(pa.float32())),
    }
    facts = json.dumps(predictions.facts, sort_keys=True).encode()
    table = pa.table(columns).replace_schema_metadata({_FACTS: facts})
    with write_output(path) as partial:
        pq.write_table(table, partial)


def read_predictions(path: Path) -> Predictions:
    """Read what ``write_predictions`` wrote.

    Raises:
        InputError: it is something else.
    """
    check_source(path)
    pa, pq = import_pyarrow()
    try:
        table = pq.ParquetFile(path).read()
        facts = json.loads(table.schema.metadata[_FACTS])
        return Predictions(
            tuple(table["clip_id"].to_pylist()),
            np.array(table["cls"].to_pylist()),
            np.array(table["probabilities"].to_pylist(), np.float32),
            facts,
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path} holds no predictions ({reason}): name what benchmarks.evaluate wrote"
        ) from error


def main(
    weights: Annotated[Path, typer.Argument(help="What align, finetune or probe made.")],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="A release, or the folder of a list's clips.")
    ],
    out: Annotated[Path, typer.Option(metavar="F", help="The Parquet of predictions to write.")],
    split: Annotated[
        str, typer.Option(help="A split of the release, or a list of clips and classes.")
    ] = "val",
    recipe: Annotated[
        str | None, typer.Option(help="Of the weights, where they do not say.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read clips.")] = len(
        os.sched_getaffinity(0)
    ),
) -> None:
    """Classify every clip of a split, and print accuracies as JSON."""
    check_out(out)
    name = recipe or read_facts(weights).get("recipe")
    if not name:
        raise InputError(f"{weights} does not say which recipe it is of: name it by --recipe")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    clips = open_clips(data, split)
    predictions = evaluate(weights, clips, load_recipe(name), device, workers)
    write_predictions(predictions, out)
    print(json.dumps(predictions.measure()))


if __name__ == "__main__":
    try:
        typer.run(main)
    except ToolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
