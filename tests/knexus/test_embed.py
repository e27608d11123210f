from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from toolkit.errors import BackendError, InputError
from toolkit.knexus.embed import (
    LEAST_CHANGE,
    RANDOM,
    describe_encoder,
    draw_videos,
    make_encoder,
    mean_by_class,
    pick_frame,
    relative_entropy,
    seed_of,
    to_unit,
)


def _frames(levels: list[int]) -> list[Callable[[], np.ndarray]]:
    return [partial(np.full, (4, 6, 3), level, np.uint8) for level in levels]


def test_each_frame_is_as_likely_as_any_other() -> None:
    """Of 5 frames and 3,000 seeds, each about 600 times; the same seed, the same frame."""
    frames = _frames([0, 50, 100, 150, 200])
    picked = [int(pick_frame(frames, RANDOM, seed)[0, 0, 0]) // 50 for seed in range(3000)]
    assert np.abs(np.bincount(picked) - 600).max() < 100
    assert picked[:50] == [int(pick_frame(frames, RANDOM, s)[0, 0, 0]) // 50 for s in range(50)]


def test_only_frames_that_may_be_kept_are_converted() -> None:
    """About log T of T frames: the others are decoded, and that is all."""
    asked = []
    frames = [lambda i=i: asked.append(i) or np.zeros((2, 2, 3), np.uint8) for i in range(300)]
    pick_frame(frames, RANDOM, 7)
    assert 1 <= len(asked) < 25


def test_the_calmest_frame() -> None:
    """The one that differs least from the frame before, the first of several; one frame is it."""
    frames = _frames([0, 200, 100, 101, 30, 30])
    assert pick_frame(frames, LEAST_CHANGE, 0)[0, 0, 0] == 101  # of the same grey level as 100
    assert pick_frame(_frames([9]), LEAST_CHANGE, 0)[0, 0, 0] == 9
    with pytest.raises(InputError, match="without frames"):
        pick_frame([], RANDOM, 0)


def test_relative_entropy() -> None:
    """Zero of the same, and log 2 where all lies in one of two that were equal."""
    assert relative_entropy(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0
    nearly = np.array([1 - 1e-12, 1e-12])
    assert relative_entropy(nearly, np.array([0.5, 0.5])) == pytest.approx(np.log(2))


def test_neither_order_nor_chunks_change_a_mean() -> None:
    """Whoever read the videos, and when: the same bits."""
    rng = np.random.default_rng(0)
    rows_ND = np.stack([to_unit(row_D) for row_D in rng.normal(size=(500, 24))])
    class_N = rng.integers(0, 7, 500)
    whole_CD = mean_by_class([(rows_ND, class_N)], 7)
    for size in (1, 13, 499):
        order = rng.permutation(500)
        parts = [order[start : start + size] for start in range(0, 500, size)]
        chunks = [(rows_ND[part], class_N[part]) for part in parts]
        np.testing.assert_array_equal(mean_by_class(chunks, 7), whole_CD)
    plain_CD = np.stack([rows_ND[class_N == index].mean(0) for index in range(7)])
    np.testing.assert_allclose(whole_CD, plain_CD, atol=2**-22)


def test_a_mean_of_nothing_or_of_nan_is_refused() -> None:
    """By one line."""
    with pytest.raises(InputError, match="class 1 has no video"):
        mean_by_class([(np.ones((1, 1)), np.array([0]))], 2)
    with pytest.raises(InputError, match="finite"):
        mean_by_class([(np.array([[np.nan]]), np.array([0]))], 1)
    for wrong in (np.array([np.nan, 1]), np.array([np.inf]), np.zeros(3)):
        with pytest.raises(InputError, match="vector of length"):
            to_unit(wrong)


def test_videos_are_drawn_whatever_their_order() -> None:
    """At most so many, the same ones in any order, others with another seed."""
    ids = [f"clip{number}" for number in range(50)]
    drawn = draw_videos(ids, 10, 0)
    assert len(drawn) == 10
    assert drawn == draw_videos(list(reversed(ids)), 10, 0)
    assert drawn != draw_videos(ids, 10, 1)
    assert draw_videos(ids, 1000, 0) == sorted(ids)
    assert seed_of("a", 0) != seed_of("b", 0) != seed_of("b", 1)


@pytest.mark.parametrize("name", ["llava", "resnet18"])
def test_an_encoder_that_is_not_installed_says_how_to_get_it(name: str) -> None:
    """Without timm; with it, the weights would be asked for."""
    pytest.importorskip("PIL", reason="needs Pillow")
    try:
        import timm  # noqa: F401
    except ModuleNotFoundError:
        for ask in (describe_encoder, make_encoder):
            with pytest.raises(BackendError, match=r"pip install 'm2m-toolkit\[encoders\]'") as it:
                ask(name)
            assert "\n" not in str(it.value)
    else:
        pytest.skip("timm is installed")
