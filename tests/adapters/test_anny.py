"""Anny's bodies as bodies of SMPL-X parameters."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.body_motion import motion
from toolkit import backends
from toolkit.actors.rig import rest_joints
from toolkit.adapters.anny import AnnyBody, make_female, make_male, make_neutral
from toolkit.m2m.skeleton import JOINT, PRIOR_J3, pose_joints


@pytest.fixture(scope="module")
def bodies() -> dict[str, AnnyBody]:
    """All three."""
    return {"neutral": make_neutral(), "male": make_male(), "female": make_female()}


@pytest.mark.parametrize("name", ["neutral", "male", "female"])
def test_stands_where_the_mannequin_stands(name: str, bodies: dict[str, AnnyBody]) -> None:
    """For the same parameters feet, head and hands reach as far as the mannequin's, within 8 cm."""
    pytest.importorskip("mannequin")
    from toolkit.adapters.mannequin import MannequinBody

    posed = motion(
        1,
        global_orient_T3=(
            Rotation.from_euler("x", np.pi) * Rotation.from_euler("y", 0.6)
        ).as_rotvec()[None],
        body_pose_T63=PRIOR_J3[1:].reshape(1, 63),
        transl_T3=np.array([[0.2, -0.3, 2.5]]),
    )
    for anny, wood in zip(
        (next(bodies[name].meshes(m)).vertices_V3 for m in (motion(1), posed)),
        (next(MannequinBody().meshes(m)).vertices_V3 for m in (motion(1), posed)),
        strict=True,
    ):
        np.testing.assert_allclose(anny.min(axis=0), wood.min(axis=0), atol=0.08)
        np.testing.assert_allclose(anny.max(axis=0), wood.max(axis=0), atol=0.08)


def test_joints_are_near_the_mannequins(bodies: dict[str, AnnyBody]) -> None:
    """The skeleton on which poses are recovered fits: 4 cm a joint in the mean, 10 cm at most."""
    pytest.importorskip("mannequin")
    from mannequin import Mannequin

    model = Mannequin("wooden")
    wood_J3 = model.joint_transforms(model.rest_pose())[:22, :3, 3].astype(float)
    for body in bodies.values():
        anny_J3 = rest_joints(body._body)
        apart_J = np.linalg.norm((anny_J3 - anny_J3[0]) - (wood_J3 - wood_J3[0]), axis=1)
        assert apart_J.mean() < 0.04
        assert apart_J.max() < 0.1


def test_global_orient_turns_about_the_pelvis(bodies: dict[str, AnnyBody]) -> None:
    """Two opposite orientations are point images of each other about one axis and point."""
    turned = np.array([[np.pi, 0, 0], [0, 0, 0]])
    first, second = bodies["neutral"].meshes(motion(2, global_orient_T3=turned))
    middle_V3 = (first.vertices_V3 + second.vertices_V3) / 2
    np.testing.assert_allclose(middle_V3[:, 1], -0.3514, atol=1e-4)
    np.testing.assert_allclose(middle_V3[:, 2], 3.012, atol=1e-4)


def test_meshes_share_faces_and_one_colour(bodies: dict[str, AnnyBody]) -> None:
    """Faces and colours are the same arrays in every frame, and each body is of one colour."""
    colors = set()
    for body in bodies.values():
        first, second = body.meshes(motion(2))
        assert first.faces_F3 is second.faces_F3
        assert first.vertex_colors_V3 is second.vertex_colors_V3
        assert first.vertices_V3.shape == first.vertex_colors_V3.shape
        (color,) = np.unique(first.vertex_colors_V3, axis=0)
        colors.add(tuple(color))
    assert len(colors) == 3


def test_hands_follow_their_pose(bodies: dict[str, AnnyBody]) -> None:
    """A bent right little finger moves that finger only."""
    bent = np.zeros((2, 45))
    bent[1, 18:21] = (0, 0, 1.0)
    first, second = bodies["male"].meshes(motion(2, right_hand_pose_T45=bent))
    moved_V = np.abs(first.vertices_V3 - second.vertices_V3).max(axis=1) > 0.004
    joints_J3 = pose_joints(np.tile(np.eye(3), (1, 22, 1, 1)), rest_joints(bodies["male"]._body))
    wrist_x = joints_J3[0][0, JOINT["right_wrist"], 0]
    assert 20 < moved_V.sum() < 600
    assert first.vertices_V3[moved_V, 0].max() < wrist_x - 0.03


@pytest.mark.parametrize("name", ["anny-female", "anny-male", "anny-neutral"])
def test_backends_are_registered(name: str) -> None:
    """Each is found by its name and makes a body."""
    assert name in backends.names("body")
    assert isinstance(backends.get("body", name)(), AnnyBody)
