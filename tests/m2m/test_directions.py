"""Rotations from directions."""

import numpy as np

from toolkit.m2m.directions import align, shortest


def test_shortest_takes_one_direction_to_the_other():
    """The direction is exact and nothing turns about it."""
    x, y = np.array([[2.0, 0, 0]]), np.array([[0, 0.5, 0]])
    turn = shortest(x, y)[0]
    assert np.allclose(turn @ [1, 0, 0], [0, 1, 0])
    assert np.allclose(turn @ [0, 0, 1], [0, 0, 1])


def test_align_meets_the_main_direction_exactly_and_the_side_as_near_as_it_can():
    """A side that is not perpendicular is bent to the main direction."""
    main, side = np.array([[0, 0, 2.0]]), np.array([[1.0, 0, 1.0]])
    turn = align(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), main, side)[0]
    assert np.allclose(turn @ [1, 0, 0], [0, 0, 1], atol=1e-6)
    assert np.allclose(turn @ [0, 1, 0], [1, 0, 0], atol=1e-6)


def test_null_directions_give_a_rotation():
    """Landmarks in one point do not break the fit."""
    zero = np.zeros((1, 3))
    turn = align(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), zero, zero)[0]
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) > 0.99
