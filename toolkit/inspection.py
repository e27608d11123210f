"""Pictures for a person to look at: a contact sheet and a side-by-side video.

Both show the source: they are as private as the source is.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from toolkit.files import write_output
from toolkit.gate import Anonymized
from toolkit.m2m.types import Array
from toolkit.video_encode import encode

_NUM_COLUMNS = 6
_TILE_HEIGHT_PX = 160
_GREEN = np.array([0, 200, 0], np.float32)


def inspection_paths(folder: Path) -> tuple[Path, Path]:
    """Return where the contact sheet and the side-by-side video go."""
    return folder / "contact_sheet.png", folder / "side_by_side.mp4"


def write_inspection(folder: Path, done: Anonymized) -> None:
    """Write ``contact_sheet.png`` and ``side_by_side.mp4`` into ``folder``.

    Raises:
        InputError: a file cannot be written.
    """
    sheet_path, video_path = inspection_paths(folder)
    with write_output(sheet_path) as partial:
        sheet = cv2.cvtColor(contact_sheet(done), cv2.COLOR_RGB2BGR)
        partial.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    with write_output(video_path) as partial:
        encode(_side_by_side(done), partial, done.clip.timing, done.clip.pixel_aspect)


def contact_sheet(done: Anonymized) -> Array:
    """Return source, masks, inpainted and result in rows, over six frames of the clip, RGB."""
    frames = done.clip.frames
    indices = np.linspace(0, len(frames) - 1, _NUM_COLUMNS).round().astype(int).tolist()
    height, width = frames.frame_shape[:2]
    scale = _TILE_HEIGHT_PX / height
    size = (max(1, round(width * scale * done.clip.pixel_aspect)), _TILE_HEIGHT_PX)
    rows = {
        "source": [frames[index] for index in indices],
        "masks": [_tinted(frames[index], done.people.masks[index]) for index in indices],
        "inpainted": [done.background[index] for index in indices],
        "result": [done.result[index] for index in indices],
    }
    return np.vstack([_row(name, pictures, size) for name, pictures in rows.items()])


def _row(name: str, pictures: list[Array], size: tuple[int, int]) -> Array:
    row = np.hstack(
        [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    )
    cv2.rectangle(row, (0, 0), (88, 24), (0, 0, 0), cv2.FILLED)
    cv2.putText(row, name, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return row


def _tinted(frame_HWC: Array, mask_HW: Array) -> Array:
    tinted = frame_HWC.copy()
    tinted[mask_HW > 0] = (0.5 * frame_HWC[mask_HW > 0] + 0.5 * _GREEN).astype(np.uint8)
    return tinted


def _side_by_side(done: Anonymized) -> Iterator[Array]:
    for before, after in zip(done.clip.frames, done.result, strict=True):
        yield np.hstack([before, after])
