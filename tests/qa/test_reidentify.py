"""An attack succeeds where people can be told apart, falls to chance where not, and says which."""

from dataclasses import replace

import numpy as np
import pytest

from tests import body_motion
from toolkit.m2m.types import BodyMotion
from toolkit.qa.reidentify import MIN_PROBES, attack, describe_motion, liken, standardize

NUM_PEOPLE, NUM_CLIPS, SIZE = 8, 4, 64
PEOPLE = {f"{who}-{clip}": f"p{who}" for who in range(NUM_PEOPLE) for clip in range(NUM_CLIPS)}
FPS = 24.0


def _units(vectors_ND: np.ndarray) -> np.ndarray:
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


def _faces(noise: float) -> dict[str, np.ndarray]:
    """Five faces a clip: the person's own vector, and noise."""
    rng = np.random.default_rng(0)
    own = {person: rng.normal(size=SIZE) for person in sorted(set(PEOPLE.values()))}
    return {
        clip: _units(own[person] + noise * rng.normal(size=(5, SIZE)))
        for clip, person in PEOPLE.items()
    }


def test_people_who_look_like_themselves_are_known_again() -> None:
    """All of them: what the attack on the source must come to if the attacker is any good."""
    faces = _faces(0.3)
    found = attack(faces, faces, PEOPLE)
    assert found.num_clips == found.num_probes == NUM_PEOPLE * NUM_CLIPS
    assert found.rank1 == 1.0
    assert found.interval[0] > 0.85
    assert found.chance == pytest.approx(3 / 31)
    assert (found.true_accepts, found.equal_error, found.auc) == (1.0, 0.0, 1.0)


def test_without_anything_of_the_person_it_falls_to_chance() -> None:
    """Faces of nobody, as a mesh has: as often right as a lot among people; no pair stands out."""
    found = []
    for seed in range(1, 21):  # 0 drew the people
        rng = np.random.default_rng(seed)
        nobody = {clip: _units(rng.normal(size=(5, SIZE))) for clip in PEOPLE}
        found.append(attack(nobody, _faces(0.3), PEOPLE))
    assert np.mean([one.rank1 for one in found]) == pytest.approx(1 / NUM_PEOPLE, abs=0.03)
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([one.equal_error for one in found]) == pytest.approx(0.5, abs=0.03)


def test_a_clip_is_never_its_own_neighbour() -> None:
    """The same vectors in probe and gallery give nothing away if no other clip is like them."""
    faces = {clip: np.eye(len(PEOPLE))[[index]] for index, clip in enumerate(PEOPLE)}
    assert attack(faces, faces, PEOPLE).num_right <= NUM_CLIPS


def test_where_too_little_is_found_there_is_no_number() -> None:
    """Without faces, and with few, rank 1 and verification are None."""
    faces = _faces(0.3)
    nothing = {clip: np.zeros((0, SIZE)) for clip in faces}
    found = attack(nothing, faces, PEOPLE)
    assert (found.num_clips, found.num_probes, found.rank1, found.chance) == (32, 0, None, None)
    few = dict(list(faces.items())[: MIN_PROBES - 1])
    assert attack(few, few, PEOPLE).rank1 is None
    assert attack(few, few, PEOPLE).auc is None


def test_who_has_one_clip_only_is_no_probe() -> None:
    """There is nothing to find."""
    faces = _faces(0.3)
    alone = {clip: clip for clip in PEOPLE}
    assert attack(faces, faces, alone).num_probes == 0


def test_two_clips_are_as_alike_as_their_most_alike_faces() -> None:
    """One good view is enough."""
    one, other = np.array([[1.0, 0], [0, 1.0]]), np.array([[0.6, 0.8], [-1.0, 0]])
    assert liken(one, other) == pytest.approx(0.8)


def _walk(cadence_hz: float, swing: float, seed: int, who: int = 0) -> np.ndarray:
    """Two seconds of hips that swing against each other, in a posture of one's own: [T, 63]."""
    times_s = np.arange(48) / FPS
    posture_63 = np.random.default_rng(who).normal(0, 0.1, 63)
    pose_T63 = posture_63 + np.random.default_rng(seed).normal(0, 0.01, (48, 63))
    pose_T63[:, 0] += swing * np.sin(2 * np.pi * cadence_hz * times_s)
    pose_T63[:, 3] -= swing * np.sin(2 * np.pi * cadence_hz * times_s)
    return pose_T63


def _move(pose_T63: np.ndarray) -> BodyMotion:
    return body_motion.motion(len(pose_T63), body_pose_T63=pose_T63)


def test_a_walk_gives_somebody_away() -> None:
    """Five people with a cadence and a stride of their own are known again by them."""
    features, people = {}, {}
    for who in range(5):
        for clip in range(3):
            motion = _move(_walk(1 + who / 2, 0.3 + who / 20, who * 9 + clip, who))
            features[f"{who}-{clip}"] = [describe_motion(motion, FPS)]
            people[f"{who}-{clip}"] = str(who)
    gaits = standardize(features)
    found = attack(gaits, gaits, people)
    assert found.chance is not None
    assert found.interval[0] > found.chance


def test_a_shape_of_all_counts_nothing_and_another_does() -> None:
    """Betas change what is described, and one second is the least that is."""
    motion = _move(_walk(1, 0.3, 0))
    other = replace(motion, betas_10=np.ones(10))
    same_shape = standardize({"a": [describe_motion(motion, FPS)] * 2})["a"]
    assert not same_shape.any()
    pair = standardize({"a": [describe_motion(m, FPS) for m in (motion, other)]})["a"]
    assert np.count_nonzero(pair[0]) == 10
    assert describe_motion(_move(_walk(1, 0.3, 0)[:20]), FPS) is None


def test_frames_without_the_person_are_bridged() -> None:
    """A gap changes the cadence that is found by little."""
    motion = _move(_walk(1.5, 0.4, 0))
    kept = np.array([index for index in range(48) if not 20 <= index < 24])
    gappy = replace(
        motion,
        frames_T=kept,
        body_pose_T63=motion.body_pose_T63[kept],
        transl_T3=motion.transl_T3[kept],
    )
    whole, bridged = describe_motion(motion, FPS), describe_motion(gappy, FPS)
    assert whole is not None
    assert bridged is not None
    cadence = 63 * 2 + 63 * 3
    assert whole[cadence] == pytest.approx(1.5, abs=0.3)
    assert bridged[cadence] == pytest.approx(whole[cadence], abs=0.6)
