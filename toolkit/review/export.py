"""A sample of clips as a task of other tools: FiftyOne and Label Studio."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.review.sample import Pick
from toolkit.review.verdicts import VERDICTS


def to_fiftyone(name: str, picks: Sequence[Pick], videos: Mapping[str, str]) -> dict[str, str]:
    """Return files of a folder that FiftyOne imports as ``LegacyFiftyOneDataset``.

    Args:
        name: of the data set.
        picks: the clips.
        videos: clip to the path of its video in the folder.

    Returns:
        Name to content.
    """
    samples: list[dict[str, Any]] = [
        {
            "filepath": videos[pick.clip_id],
            "frames": "frames.json",
            "tags": [pick.stratum],
            "clip_id": pick.clip_id,
            "sample_sha256": pick.sample_sha256,
            "ground_truth": {"_cls": "Classification", "label": pick.label},
        }
        for pick in picks
    ]
    return {
        "metadata.json": _to_json({"name": name, "media_type": "video"}),
        "samples.json": _to_json({"samples": samples}),
        "frames.json": _to_json({"frames": {}}),  # no labels of single frames
    }


def to_label_studio(picks: Sequence[Pick], videos: Mapping[str, str]) -> dict[str, str]:
    """Return Label Studio's tasks, and the configuration of a project with our verdicts."""
    tasks = [
        {
            "data": {
                "video": videos[pick.clip_id],
                "clip_id": pick.clip_id,
                "sample_sha256": pick.sample_sha256,
                "label": pick.label,
            }
        }
        for pick in picks
    ]
    return {"tasks.json": _to_json(tasks), "config.xml": _LABEL_STUDIO + "\n"}


def _to_json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


_LABEL_STUDIO = "\n".join(
    [
        "<View>",
        '  <Header value="$label"/>',
        '  <Video name="video" value="$video"/>',
        '  <Choices name="verdict" toName="video" required="true">',
        *(f'    <Choice value="{verdict}"/>' for verdict in VERDICTS),
        "  </Choices>",
        '  <TextArea name="note" toName="video"/>',
        "</View>",
    ]
)
