"""The mannequin as a body of SMPL-X parameters."""

import numpy as np
import pytest

pytest.importorskip("mannequin")

from tests.body_motion import motion
from toolkit.adapters.mannequin import MannequinBody


def test_an_upright_body_is_upright_in_the_camera():
    """The head is up (y down), the toes point to the camera, the height is that of a person."""
    vertices = next(MannequinBody().meshes(motion(1))).vertices_V3
    low, high = vertices.min(0), vertices.max(0)
    assert 1.5 < high[1] - low[1] < 1.9
    head, feet = vertices[vertices[:, 1] < low[1] + 0.2], vertices[vertices[:, 1] > high[1] - 0.1]
    assert np.ptp(head[:, 0]) < 0.3
    assert feet[:, 2].min() < head[:, 2].min()


def test_global_orient_turns_about_the_pelvis():
    """The pelvis stays where it is, as in the smplx package."""
    turned = np.array([[np.pi, 0, 0], [0, 0, 0]])
    first, second = MannequinBody().meshes(motion(2, global_orient_T3=turned))
    rest_pelvis = (first.vertices_V3 - [0, 0, 3] + second.vertices_V3 - [0, 0, 3]) / 2
    assert np.allclose(rest_pelvis[:, 1:], rest_pelvis[0, 1:], atol=1e-4)


def test_one_mesh_a_frame_that_shares_faces_and_colours():
    """Faces and colours are the same arrays in every frame: the renderer may cache by them."""
    meshes = list(MannequinBody().meshes(motion(3)))
    assert len(meshes) == 3
    assert all(mesh.faces_F3 is meshes[0].faces_F3 for mesh in meshes)
    assert meshes[0].vertex_colors_V3.shape == meshes[0].vertices_V3.shape
    assert meshes[0].faces_F3.max() < len(meshes[0].vertices_V3)


def test_betas_change_the_height():
    """The first beta is the size of the body."""
    tall = np.zeros(10)
    tall[0] = 2
    body = MannequinBody()
    heights = [
        np.ptp(next(body.meshes(motion(1, betas_10=betas))).vertices_V3[:, 1])
        for betas in (np.zeros(10), tall)
    ]
    assert abs(heights[1] - heights[0]) > 0.05
