"""The videos of a review: of each clip the result, and from its project masks and source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from toolkit.errors import InputError
from toolkit.manifest import ManifestRow, read_manifest
from toolkit.release.pseudonyms import Pseudonyms
from toolkit.shards import read_sample
from toolkit.stages.clips import COMPOSITE, INPAINT, STANDARDIZE
from toolkit.stages.kept import read_kept
from toolkit.stages.parts import pack_video, unpack_people, unpack_video
from toolkit.stages.project import Project
from toolkit.stages.rows import OK, Row, read_rows

RESULT, MASKS, SOURCE = "result", "masks", "source"
_CRF = 23


@dataclass(frozen=True)
class Built:
    """A release in the project where it was built: published id to what the stages made.

    Attributes:
        ids: published id to private id, of every clip that was taken in.
    """

    project: Project
    release: str
    ids: Mapping[str, str]

    @classmethod
    def open(cls, root: Path, release: str) -> "Built":
        """Open a project.

        Raises:
            ToolkitError: it is none, has no such release, or its key cannot be read.
        """
        project = Project.open(root)
        project.find_release(release)
        pseudonyms = Pseudonyms.from_file(project.key_file)
        rows = read_manifest(project.table(f"{release}/gate"))
        return cls(project, release, {pseudonyms.publish(row.clip_id): row.clip_id for row in rows})

    def read(self, stage: str, clip_id: str) -> Mapping[str, bytes]:
        """Return what a stage made of a clip, by its published id.

        Raises:
            ToolkitError: it is not there.
        """
        if clip_id not in self.ids:
            raise InputError(f"{clip_id}: the project knows no such clip: name the one it is from")
        row = _read_table(self.project.table(stage)).get(self.ids[clip_id])
        if row is None or row.status != OK:
            raise InputError(f"{clip_id}: stage {stage} made nothing of it: leave it out")
        return read_kept(self.project.work(stage) / row.shard, row.clip_id, row.sha256, stage)


@cache
def _read_table(path: Path) -> Mapping[str, Row]:
    return {row.clip_id: row for row in read_rows(path)}


def make_media(
    folder: Path, row: ManifestRow, built: Built | None, *, with_source: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the videos of a clip: what is shown, and the mp4.

    Args:
        folder: of the release.
        row: of its manifest.
        built: where it was built; without it there are only the videos of the release.
        with_source: whether the clip as it was filmed is one of them.

    Raises:
        ToolkitError: a video is not there.
    """
    if row.shard:
        yield RESULT, read_sample(folder / "data" / row.shard, row.clip_id).parts["mp4"]
    elif built:
        yield RESULT, built.read(f"{built.release}/{COMPOSITE}", row.clip_id)["mp4"]
    else:
        raise InputError(f"{row.clip_id} is not in the release: name its project with --project")
    if not built:
        return
    source = built.read(STANDARDIZE, row.clip_id)["mp4"]
    clip = unpack_video(source)
    masks = unpack_people(built.read(INPAINT, row.clip_id)).masks
    grey = (np.repeat(mask_HW[..., None], 3, axis=2) for mask_HW in masks)
    yield MASKS, pack_video(grey, clip.timing, clip.pixel_aspect, crf=_CRF)
    if with_source:
        yield SOURCE, source


def find_rows(rows: Sequence[ManifestRow], clip_ids: Sequence[str]) -> list[ManifestRow]:
    """Return the rows of clips, in their order.

    Raises:
        InputError: the release has no such clip.
    """
    by_id = {row.clip_id: row for row in rows}
    if unknown := sorted(set(clip_ids) - set(by_id)):
        raise InputError(f"{', '.join(unknown[:5])}: no clip of this release: sample it again")
    return [by_id[clip_id] for clip_id in clip_ids]
