import numpy as np

from tests.actors_clip import read_masks, store
from toolkit.m2m.masks import encode_rle, limb_cover
from toolkit.m2m.people import gather_people
from toolkit.m2m.types import PersonFrame, Track

HEIGHT, WIDTH = 60, 120


def _person() -> PersonFrame:
    """Someone whose trunk is segmented and whose arm, stretched out to the right, is not."""
    outline_HW = np.zeros((HEIGHT, WIDTH), bool)
    outline_HW[8:52, 18:42] = True
    landmarks_K4 = np.ones((33, 4), np.float32)
    landmarks_K4[:, :2] = (30, 45)
    places = {11: (40, 10), 12: (20, 10), 23: (36, 50), 24: (24, 50)}
    places |= {13: (70, 10), 15: (100, 10), 19: (104, 10)}  # elbow, wrist, finger
    for index, place in places.items():
        landmarks_K4[index, :2] = place
    box_xyxy = np.array([18, 8, 105, 52], np.float32)
    mask_HW = outline_HW | limb_cover(landmarks_K4, (HEIGHT, WIDTH))
    return PersonFrame(
        box_xyxy,
        encode_rle(mask_HW),
        landmarks_K4,
        np.zeros((33, 3)),
        1.0,
        outline=encode_rle(outline_HW),
    )


def test_a_limb_that_only_landmarks_show_is_removed_and_no_part_of_the_outline() -> None:
    """The arm is in the masks; the cores are what the segmentation shows."""
    frames = store(np.full((3, HEIGHT, WIDTH, 3), 128, np.uint8))
    track = Track(0, dict.fromkeys(range(3), _person()), num_confirmed=3)
    people = gather_people([track], frames, frames, [[]] * 3)
    masks_THW, cores_THW = read_masks(people.masks), read_masks(people.cores)
    assert masks_THW[:, 10, 18:105].all()
    assert cores_THW[:, 10, 18:40].all()
    assert not cores_THW[:, :, 50:].any()
