"""Sizes of people on one floor."""

import numpy as np
import pytest

from tests.body_motion import motion
from toolkit.m2m.floor import find_sizes
from toolkit.m2m.types import Mesh

NUM_FRAMES = 8


def _person(depth_m: float, size: float, *, camera_m: float, hops: int = 0) -> list[Mesh]:
    """A body of 1.7 m, fitted to somebody ``size`` times as tall who stands at that depth."""
    corners_V3 = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (-1.7, 0) for z in (-0.1, 0.1)])
    standing_V3 = corners_V3 * size + [0, camera_m, depth_m]
    meshes = []
    for index in range(NUM_FRAMES):
        lift_m = 0.4 if index < hops else 0
        fitted_V3 = (standing_V3 - [0, lift_m, 0]) / size
        meshes.append(Mesh(fitted_V3, np.zeros((0, 3), int), np.zeros((8, 3), np.uint8)))
    return meshes


def _depths(people: list[list[Mesh]], sizes_P: np.ndarray) -> list[float]:
    """How far away each is when drawn."""
    return [
        float(meshes[0].vertices_V3[:, 2].mean() * size)
        for meshes, size in zip(people, sizes_P, strict=True)
    ]


@pytest.mark.parametrize("camera_m", [1.0, 1.6, 3.0])
def test_a_child_before_an_adult_is_drawn_before_them(camera_m: float) -> None:
    """Fitted as if both were as tall, the child is farther; whatever the camera's height."""
    people = [
        _person(4.0, 1.0, camera_m=camera_m),
        _person(3.4, 0.75, camera_m=camera_m, hops=3),  # a hop changes nothing
    ]
    assert np.diff(_depths(people, np.ones(2))) > 0
    sizes_P = find_sizes([motion(NUM_FRAMES), motion(NUM_FRAMES)], people)
    assert np.diff(_depths(people, sizes_P)) < 0
    assert sizes_P[1] < sizes_P[0]


def test_people_of_one_size_stay_where_they_are() -> None:
    """A camera at the height that is guessed: the floor says what the sizes say."""
    people = [_person(depth_m, 1.0, camera_m=1.6) for depth_m in (3.0, 4.5, 6.0)]
    sizes_P = find_sizes([motion(NUM_FRAMES)] * 3, people)
    np.testing.assert_allclose(sizes_P, 1, atol=0.08)


def test_whose_feet_are_not_seen_is_left_alone() -> None:
    """And so is everybody else, where only one is left."""
    people = [_person(4.0, 1.0, camera_m=1.6), _person(3.4, 0.75, camera_m=1.6)]
    seen, hidden = motion(NUM_FRAMES), motion(NUM_FRAMES)
    hidden.observed_TJ[:, 7:9] = False
    assert find_sizes([seen, hidden], people).tolist() == [1, 1]
    sizes_P = find_sizes([seen, hidden, seen], [*people, people[1]])
    assert sizes_P[1] == 1
    assert sizes_P[2] < sizes_P[0]


def test_who_stands_on_no_common_floor_is_left_alone() -> None:
    """Somebody on a ladder would be a giant far away."""
    people = [_person(4.0, 1.0, camera_m=1.6), _person(4.0, 1.0, camera_m=-0.2)]
    assert find_sizes([motion(NUM_FRAMES)] * 2, people)[1] == 1
