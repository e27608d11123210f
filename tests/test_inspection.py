from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.actors_clip import decoded, removed, store
from toolkit.actors.generate import ActorClip
from toolkit.errors import InputError
from toolkit.gate import Anonymized
from toolkit.inspection import contact_sheet, inspection_paths, write_inspection
from toolkit.video import decode

FRAMES = slice(0, 36, 2)
TILE_HEIGHT, TILE_WIDTH = 160, 288


@pytest.fixture(scope="module")
def done(actor: ActorClip) -> Anonymized:
    """18 frames in which the actor was replaced by a red box."""
    run = removed(actor, FRAMES)
    result_THWC = np.stack(list(run.background))
    result_THWC[actor.masks_THW[FRAMES]] = (255, 0, 0)
    return replace(run, result=store(result_THWC))


def _tile(sheet_HWC: np.ndarray, row: int, column: int, width: int = TILE_WIDTH) -> np.ndarray:
    """One picture of the sheet as numbers, without the strip that names the row."""
    top, left = row * TILE_HEIGHT, column * width
    return sheet_HWC[top + 30 : top + TILE_HEIGHT, left : left + width].astype(int)


def _shown(frame_HWC: np.ndarray, width: int = TILE_WIDTH) -> np.ndarray:
    size = (width, TILE_HEIGHT)
    return cv2.resize(frame_HWC, size, interpolation=cv2.INTER_AREA)[30:].astype(int)


def test_the_sheet_shows_four_steps_of_six_frames(done: Anonymized, actor: ActorClip) -> None:
    """Source, masks, inpainted and result in rows; first, last and four frames between."""
    sheet_HWC = contact_sheet(done)
    assert sheet_HWC.shape == (4 * TILE_HEIGHT, 6 * TILE_WIDTH, 3)
    for column, index in enumerate((0, 3, 7, 10, 14, 17)):
        source_HWC = actor.frames_THWC[FRAMES][index]
        np.testing.assert_array_equal(_tile(sheet_HWC, 0, column), _shown(source_HWC))
        np.testing.assert_array_equal(
            _tile(sheet_HWC, 2, column), _shown(actor.background_THWC[index])
        )
        np.testing.assert_array_equal(_tile(sheet_HWC, 3, column), _shown(done.result[index]))


def test_masks_are_green_over_the_source(done: Anonymized, actor: ActorClip) -> None:
    """Greener inside the mask, the source outside of it."""
    tile_HWC = _tile(contact_sheet(done), 1, 5)
    source_HWC = _shown(actor.frames_THWC[FRAMES][17])
    size = (TILE_WIDTH, TILE_HEIGHT)
    inside_HW = cv2.resize(done.people.masks[17], size, interpolation=cv2.INTER_AREA)[30:]
    change_HWC = tile_HWC - source_HWC
    assert not change_HWC[inside_HW == 0].any()
    assert change_HWC[inside_HW == 255].mean(0).argmax() == 1
    assert change_HWC[inside_HW == 255][:, 1].mean() > 20


def test_rows_are_named(done: Anonymized) -> None:
    """In the corner of the first picture, so that a sheet explains itself."""
    sheet_HWC = contact_sheet(done)
    for row in range(4):
        named_HWC = sheet_HWC[row * TILE_HEIGHT :][:24, :80].astype(int)
        unnamed_HWC = sheet_HWC[row * TILE_HEIGHT :][:24, TILE_WIDTH : TILE_WIDTH + 80]
        assert (named_HWC.min(axis=2) > 240).sum() > (unnamed_HWC.min(axis=2) > 240).sum() + 20


def test_stretched_pixels_are_shown_in_shape(done: Anonymized) -> None:
    """Pixels twice as wide as high make pictures twice as wide."""
    frames_THWC = np.stack(list(done.clip.frames))
    stretched = replace(done, clip=decoded(frames_THWC, pixel_aspect=2.0))
    assert contact_sheet(stretched).shape == (4 * TILE_HEIGHT, 6 * 2 * TILE_WIDTH, 3)


def test_a_clip_of_one_frame_fills_the_sheet(actor: ActorClip) -> None:
    """The same frame six times."""
    sheet_HWC = contact_sheet(removed(actor, slice(1)))
    np.testing.assert_array_equal(_tile(sheet_HWC, 0, 0), _tile(sheet_HWC, 0, 5))


def test_sheet_and_video_are_written(done: Anonymized, actor: ActorClip, tmp_path: Path) -> None:
    """A PNG in true colours, and a video of source and result at the clip's rate; nothing else."""
    sheet_path, video_path = inspection_paths(tmp_path)
    write_inspection(tmp_path, done)
    assert sorted(tmp_path.iterdir()) == [sheet_path, video_path]
    sheet_HWC = cv2.cvtColor(cv2.imread(str(sheet_path)), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(sheet_HWC, contact_sheet(done))
    video = decode(video_path, None)
    assert len(video.frames) == len(done.clip.frames)
    assert video.timing.fps == done.clip.timing.fps
    both_HWC = video.frames[9].astype(int)
    assert both_HWC.shape == (240, 864, 3)
    for half_HWC, expected_HWC in (
        (both_HWC[:, :432], actor.frames_THWC[FRAMES][9]),
        (both_HWC[:, 432:], done.result[9]),
    ):
        assert np.abs(half_HWC - expected_HWC).mean() < 6


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(
    done: Anonymized, tmp_path: Path
) -> None:
    """It names the file."""
    with pytest.raises(InputError, match=r"contact_sheet\.png"):
        write_inspection(tmp_path / "nowhere", done)
