import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from toolkit.actors.bodies import Body, Phenotype, load_body
from toolkit.actors.outfits import Outfit

# From anny 0.6.2's own model, all phenotypes 0.5: bone starts from the root's, y up, m.
ANNY_HEADS = {
    "head": (0.0, 0.62444, 0.10287),
    "wrist.L": (0.44563, 0.13147, 0.2398),
    "foot.R": (-0.17662, -0.78088, 0.06486),
    "upperleg01.L": (0.10194, 0.00664, 0.06892),
    "toe1-1.L": (0.14942, -0.82347, 0.20135),
}


@pytest.fixture(scope="module")
def body() -> Body:
    """A man of medium build."""
    return load_body(Phenotype(), Outfit())


def test_shape_is_that_of_annys_own_model() -> None:
    """The few targets read here give the body that Anny's torch model builds from all of them."""
    body = load_body(Phenotype(0.5, 0.5, 0.5, 0.5, 0.5, 0.5), Outfit())
    for bone, expected_3 in ANNY_HEADS.items():
        np.testing.assert_allclose(body.head(bone) - body.head("root"), expected_3, atol=2e-5)


@pytest.mark.parametrize("axis", ["gender", "age", "muscle", "weight", "height", "proportions"])
def test_every_phenotype_axis_changes_the_shape(axis: str, body: Body) -> None:
    """A value off the default, between two targets, gives another body on the same bones."""
    other = load_body(Phenotype(**{axis: 0.4}), Outfit())
    assert np.abs(other.heads_J3 - body.heads_J3).max() > 1e-4
    assert other.bones == body.bones


def test_body_stands_on_the_floor_and_has_a_human_height(body: Body) -> None:
    """Soles at 0, an adult's height, hair and all clothes there."""
    assert body.rest_V3[:, 1].min() == 0
    assert 1.6 < body.rest_V3[:, 1].max() < 2.0
    outfit = Outfit()
    for painted in (outfit.skin, outfit.hair, outfit.shirt, outfit.trousers, outfit.shoes):
        step_V = np.abs(body.colors_V3 - 255 * np.array(painted)).max(axis=1)
        assert (step_V < 12).sum() > 20  # folds make some of it lighter, some darker


def test_pose_without_rotations_is_the_rest_pose(body: Body) -> None:
    """Nothing turned, only shifted: the rest vertices, shifted."""
    shift_3 = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(body.pose({}, shift_3), body.rest_V3 + shift_3)


def test_a_turned_elbow_moves_that_forearm_only(body: Body) -> None:
    """The hand turns about the elbow at its distance; the other side and the legs stay."""
    turn_33 = Rotation.from_euler("y", -60, degrees=True).as_matrix()
    posed_V3 = body.pose({"lowerarm01.L": turn_33}, np.zeros(3))
    moved_V = np.abs(posed_V3 - body.rest_V3).max(axis=1) > 1e-9
    elbow_3, wrist_3 = body.head("lowerarm01.L"), body.head("wrist.L")
    assert body.rest_V3[moved_V, 0].min() > 0.1
    hand_V = np.linalg.norm(body.rest_V3 - wrist_3, axis=1) < 0.05
    before_V = np.linalg.norm(body.rest_V3[hand_V] - elbow_3, axis=1)
    after_V = np.linalg.norm(posed_V3[hand_V] - elbow_3, axis=1)
    np.testing.assert_allclose(after_V, before_V, rtol=0.02)
    assert np.abs(posed_V3 - body.rest_V3)[hand_V].max() > 0.15
