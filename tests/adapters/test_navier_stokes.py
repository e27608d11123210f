import numpy as np
import pytest

from toolkit.adapters.navier_stokes import NavierStokesInpainter, NoInpainter, fill_from_border
from toolkit.frames import FrameStore


def _store(frames: np.ndarray) -> FrameStore:
    store = FrameStore(frames.shape[1:], frames.dtype)
    for frame in frames:
        store.append(frame)
    return store


def test_navier_stokes_changes_only_the_hole() -> None:
    """The hole takes the colour around it; every other pixel is the source's."""
    frames = np.full((3, 40, 60, 3), (10, 120, 200), np.uint8)
    frames[:, 10:20, 20:30] = 255
    frames[:, 0, 0] = 77
    masks = np.zeros((3, 40, 60), np.uint8)
    masks[:2, 8:22, 18:32] = 255
    finished: list[int] = []
    filled = np.stack(
        list(NavierStokesInpainter().inpaint(_store(frames), _store(masks), finished.append))
    )
    np.testing.assert_array_equal(filled[masks == 0], frames[masks == 0])
    assert np.abs(filled[masks > 0].astype(int) - (10, 120, 200)).max() <= 1
    assert sum(finished) == 3


@pytest.mark.parametrize("rows", [slice(0, 12), slice(0, 40)])
def test_a_hole_may_touch_the_border_or_be_everything(rows: slice) -> None:
    """A hole at the border is filled from inside; a whole frame becomes mid-grey."""
    frame = np.full((40, 60, 3), 50, np.uint8)
    hole = np.zeros((40, 60), np.uint8)
    hole[rows] = 255
    frame[rows] = 255
    filled = fill_from_border(frame, hole)
    assert np.unique(filled).tolist() == ([128] if hole.all() else [50])


def test_none_copies_the_frames() -> None:
    """The ablation without inpainting returns the source, in frames of its own."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    source = _store(frames)
    copies = NoInpainter().inpaint(source, _store(np.full((2, 8, 8), 255, np.uint8)), print)
    np.testing.assert_array_equal(np.stack(list(copies)), frames)
    assert copies is not source
