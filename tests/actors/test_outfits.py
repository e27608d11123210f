from dataclasses import replace

import numpy as np
import pytest

from toolkit.actors.bodies import Body, Phenotype, cast, load_body
from toolkit.actors.outfits import HAIR_LENGTHS, LEGWEAR, SLEEVES, Color, Outfit
from toolkit.m2m.types import Array

PHENOTYPE = Phenotype(gender=1.0, height=0.4)


VIVID = Outfit(
    skin=(0.0, 0.7, 0.0),
    hair=(0.0, 0.7, 0.7),
    shirt=(0.7, 0.0, 0.0),
    trousers=(0.0, 0.0, 0.7),
    shoes=(0.7, 0.7, 0.0),
)
"""Colours that no fold turns into one another."""


def painted(body: Body, color: Color) -> Array:
    """Vertices [N, 3] m of one hue, in light and shade."""
    colors_V3 = body.colors_V3 / np.maximum(np.linalg.norm(body.colors_V3, axis=1), 1)[:, None]
    return body.rest_V3[colors_V3 @ (np.array(color) / np.linalg.norm(color)) > 0.97]


@pytest.fixture(scope="module")
def plain() -> Body:
    """A woman in a T-shirt, trousers and shoes."""
    return load_body(PHENOTYPE, VIVID)


def test_sleeves_end_where_they_should(plain: Body) -> None:
    """Short sleeves stop above the elbow, long ones at the wrist, both with a clean edge."""
    elbow, wrist = plain.head("lowerarm01.L")[0], plain.head("wrist.L")[0]
    ends = []
    for sleeves in SLEEVES:
        outfit = replace(VIVID, sleeves=sleeves)
        ends.append(painted(load_body(PHENOTYPE, outfit), outfit.shirt)[:, 0].max())
    assert ends[0] < elbow + 0.03
    assert elbow + 0.08 < ends[1] < wrist + 0.05


@pytest.mark.parametrize("legwear", LEGWEAR)
def test_legwear_has_its_length(legwear: str) -> None:
    """Trousers reach the ankles; shorts and skirt show the calves; only a skirt spans the gap."""
    outfit = replace(VIVID, legwear=legwear)
    body = load_body(PHENOTYPE, outfit)
    worn_N3 = painted(body, outfit.trousers)
    knee, ankle = body.head("lowerleg01.L")[1], body.head("foot.L")[1]
    lowest = worn_N3[:, 1].min()
    assert abs(lowest - {"trousers": ankle - 0.01, "shorts": knee + 0.03}.get(legwear, knee)) < 0.03
    calves_N = painted(body, outfit.skin)[:, 1] < knee - 0.05
    assert (calves_N & (painted(body, outfit.skin)[:, 1] > ankle + 0.1)).any() == (
        legwear != "trousers"
    )
    between_N = (np.abs(worn_N3[:, 0]) < 0.02) & (worn_N3[:, 1] < knee + 0.1)
    assert between_N.any() == (legwear == "skirt")


def test_hair_grows_with_its_length_and_leaves_the_face_free() -> None:
    """From bald to long there is more hair; it never hangs before the eyes."""
    lowest, amounts = [], []
    for hair_length in HAIR_LENGTHS:
        outfit = replace(VIVID, hair_length=hair_length)
        body = load_body(PHENOTYPE, outfit)
        hair_N3 = painted(body, outfit.hair)
        amounts.append(len(hair_N3))
        lowest.append(hair_N3[:, 1].min())
        eye_3 = body.head("eye.L")
        assert not (hair_N3[hair_N3[:, 1] < eye_3[1] - 0.01, 2] > eye_3[2] - 0.05).any()
    assert amounts == sorted(amounts)
    assert len(set(amounts)) == len(HAIR_LENGTHS)
    assert lowest[1] > lowest[2] + 0.05 > lowest[3] + 0.1


def test_no_skin_comes_through_the_clothes(plain: Body) -> None:
    """The chest, belly and thighs have no skin; hands, neck and face do."""
    skin_N3 = painted(plain, VIVID.skin)
    assert not (
        (skin_N3[:, 1] > plain.head("lowerleg01.L")[1])
        & (skin_N3[:, 1] < plain.head("spine01")[1])
        & (np.abs(skin_N3[:, 0]) < 0.2)
        & (np.abs(skin_N3[:, 1] - plain.head("upperleg01.L")[1]) > 0.1)
    ).any()
    for bone in ("wrist.L", "wrist.R", "jaw"):
        assert np.linalg.norm(skin_N3 - plain.head(bone), axis=1).min() < 0.06


def test_casting_is_seeded_and_varied() -> None:
    """The same seed gives the same people; twenty people differ in build, colours and clothes."""
    people = [cast(np.random.default_rng(seed)) for seed in range(20)]
    assert people == [cast(np.random.default_rng(seed)) for seed in range(20)]
    phenotypes, outfits = zip(*people, strict=True)
    assert {phenotype.gender for phenotype in phenotypes} == {0.0, 1.0}
    for axis in ("age", "muscle", "weight", "height", "proportions"):
        assert np.std([getattr(phenotype, axis) for phenotype in phenotypes]) > 0.05
    assert {outfit.sleeves for outfit in outfits} == set(SLEEVES)
    assert {outfit.legwear for outfit in outfits} == set(LEGWEAR)
    assert len({outfit.hair_length for outfit in outfits}) >= 3
    assert len({replace(outfit, skin=(0, 0, 0)) for outfit in outfits}) == 20


@pytest.mark.parametrize("gender", [0.0, 1.0])
def test_gender_can_be_asked_for(gender: float) -> None:
    """Everybody cast has the gender asked for and the size of an adult or teenager."""
    rng = np.random.default_rng(1)
    people = [cast(rng, gender) for _ in range(10)]
    assert all(phenotype.gender == gender for phenotype, _ in people)
    assert gender == 1 or all(outfit.legwear != "skirt" for _, outfit in people)
    for phenotype, outfit in people[:2]:
        assert 1.4 < load_body(phenotype, outfit).rest_V3[:, 1].max() < 2.0
