from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from toolkit.actors.scenes import (
    CAMERA_MOTIONS,
    KINDS,
    SUPERSAMPLING,
    Scene,
    make_room,
    make_scene,
)
from toolkit.actors.scenes.cameras import find_stage, place_camera
from toolkit.m2m.types import Array

SIZE = (216, 120)
MOVING = [motion for motion in CAMERA_MOTIONS if motion != "still"]


def scene_of(kind: str, camera_motion: str = "still", seed: int = 0) -> Scene:
    """A small scene of ten frames."""
    rng = np.random.default_rng(seed)
    return make_scene(rng, SIZE, 10, kind=kind, camera_motion=camera_motion)


@cache
def moving_scene(kind: str) -> Scene:
    """One scene of each kind; all motions of the camera occur."""
    seed = KINDS.index(kind)
    return scene_of(kind, MOVING[seed % len(MOVING)], seed)


def final(scene: Scene, color_HWC: Array) -> Array:
    """A drawn picture at its final size."""
    size = scene.camera.width, scene.camera.height
    return cv2.resize(color_HWC, size, interpolation=cv2.INTER_AREA)


def drawn_px(scene: Scene, points_N3: Array, index: int) -> tuple[Array, Array, Array]:
    """Column and row in the drawn picture, and depth, of points of the world."""
    x, y, z = scene.to_camera(points_N3, index).T
    camera = scene.camera
    columns, rows = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    return SUPERSAMPLING * columns, SUPERSAMPLING * rows, z


def places_in_world(scene: Scene, index: int) -> Array:
    """Where what each drawn pixel shows is in the world, [kH, kW, 3]."""
    depth_HW = scene.draw(index)[1]
    camera = scene.camera
    rows, columns = (np.indices(depth_HW.shape) + 0.5) / SUPERSAMPLING
    rays_HW3 = np.stack(
        [
            (columns - camera.cx) / camera.fx,
            (rows - camera.cy) / camera.fy,
            np.ones_like(rows),
        ],
        axis=-1,
    )
    seen_HW3 = rays_HW3 * depth_HW[..., None]
    return np.asarray((seen_HW3 - scene.translation_T3[index]) @ scene.rotation_T33[index])


@pytest.mark.parametrize("kind", KINDS)
def test_every_pixel_shows_something(kind: str) -> None:
    """No pixel is left empty in any frame, the first and last of a moving camera included."""
    for index in (0, 5, 9):
        color_HWC, depth_HW = moving_scene(kind).draw(index)
        assert color_HWC.shape == (240, 432, 3)
        assert color_HWC.dtype == np.uint8
        assert depth_HW.dtype == np.float32
        assert 0.1 < depth_HW.min() <= depth_HW.max() < 999
        assert color_HWC.std() > 5


def test_same_seed_same_scene() -> None:
    """Scenes differ by seed only: colours, depth and the camera's course."""
    one, same, other = (scene_of("room", "shake", seed) for seed in (4, 4, 5))
    assert np.array_equal(one.draw(3)[0], same.draw(3)[0])
    assert np.array_equal(one.draw(3)[1], same.draw(3)[1])
    assert np.array_equal(one.rotation_T33, same.rotation_T33)
    assert not np.array_equal(one.draw(3)[0], other.draw(3)[0])


def test_light_differs_between_seeds() -> None:
    """The same kind of place is brighter or darker, warmer or cooler with another seed."""
    means = [scene_of("office", seed=seed).draw(0)[0].mean(axis=(0, 1)) for seed in range(5)]
    assert np.ptp([mean.mean() for mean in means]) > 25
    assert np.ptp([mean[0] / mean[2] for mean in means]) > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_depth_is_that_of_the_floor(kind: str) -> None:
    """What is drawn where the stage's floor projects to lies on the floor, at its depth."""
    scene = moving_scene(kind)
    stage = scene.stage
    points_N3 = np.array(
        [
            [x, 0.0, z]
            for x in np.linspace(stage.x_min, stage.x_max, 5)
            for z in (stage.z_min, 0.0, stage.z_max)
        ]
    )
    for index in (0, 9):
        columns, rows, depth_N = drawn_px(scene, points_N3, index)
        depth_HW = scene.draw(index)[1]
        drawn_N = depth_HW[np.floor(rows).astype(int), np.floor(columns).astype(int)]
        assert np.abs(drawn_N / depth_N - 1).max() < 0.02  # within a pixel
        places_HW3 = places_in_world(scene, index)
        on_floor_N = places_HW3[np.floor(rows).astype(int), np.floor(columns).astype(int), 1]
        assert np.abs(on_floor_N).max() < 1e-3


@pytest.mark.parametrize("motion", CAMERA_MOTIONS)
def test_people_on_the_stage_are_in_the_picture(motion: str) -> None:
    """In every frame, a body of 2 m at the corners of the stage is inside; the stage has room."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shot = place_camera(rng, SIZE, 10, motion, (2.6, 3.6))
        stage = find_stage(shot)
        assert stage.x_min < -1.1 < 1.1 < stage.x_max
        assert stage.z_min < -0.8 < 0.0 <= stage.z_max
        points_N3 = np.array(
            [
                [x, y, z]
                for x in (stage.x_min - 0.3, stage.x_max + 0.3)
                for y in (0.0, 2.0)
                for z in (stage.z_min, stage.z_max)
            ]
        )
        columns_TN, rows_TN = shot.project(points_N3)
        assert 0 <= columns_TN.min() <= columns_TN.max() <= SIZE[0]
        assert 0 <= rows_TN.min() <= rows_TN.max() <= SIZE[1]


def test_still_camera_draws_once() -> None:
    """All frames are the same array; the camera never moves."""
    scene = scene_of("kitchen")
    assert scene.still
    assert scene.draw(0)[0] is scene.draw(9)[0]
    assert np.ptp(scene.rotation_T33, axis=0).max() == 0
    assert not scene_of("kitchen", "pan").still


@pytest.mark.parametrize("kind", KINDS)
def test_moving_camera_shows_the_same_place(kind: str) -> None:
    """A frame warped by pose and depth is the next one: no shimmer, true depth and motion."""
    scene = moving_scene(kind)
    (before_HWC, depth_HW), (after_HWC, _) = scene.draw(4), scene.draw(5)
    places_HW3 = places_in_world(scene, 5)
    columns, rows, z = (
        values.reshape(depth_HW.shape).astype(np.float32)
        for values in drawn_px(scene, places_HW3.reshape(-1, 3), 4)
    )
    warped_HWC, seen_HW = (
        cv2.remap(image, columns - 0.5, rows - 0.5, cv2.INTER_LINEAR)
        for image in (before_HWC, depth_HW)
    )
    known_HW = np.abs(seen_HW / z - 1) < 0.01
    assert known_HW.mean() > 0.85
    warped_HWC[~known_HW] = after_HWC[~known_HW]
    error_HWC = final(scene, warped_HWC).astype(float) - final(scene, after_HWC)
    assert 10 * np.log10(255**2 / (error_HWC**2).mean()) > 36
    moved_HWC = final(scene, before_HWC).astype(float) - final(scene, after_HWC)
    assert (moved_HWC**2).mean() > (error_HWC**2).mean()


def test_hand_held_camera_jitters_by_a_few_pixels() -> None:
    """From frame to frame the far wall of a shaken picture shifts by up to 5 px at 432x240."""
    rng = np.random.default_rng(1)
    scene = make_scene(rng, (432, 240), 40, kind="gym", camera_motion="shake")
    point_13 = np.array([[0.0, 1.0, -4.0]])
    place_T2 = np.array([np.ravel(drawn_px(scene, point_13, t)[:2]) for t in range(40)]) / 2
    steps_T = np.linalg.norm(np.diff(place_T2, axis=0), axis=1)
    assert 0.3 < steps_T.mean() < 3
    assert steps_T.max() < 5


def test_detectors_find_nobody(weights: Callable[[str], Path]) -> None:
    """No kind of empty place looks like a body, a face or a hand."""
    del weights
    from toolkit.gate import Watchers

    size = (432, 240)
    watchers = Watchers((size[1], size[0], 3), 1.0)
    for seed, kind in enumerate(KINDS):
        rng = np.random.default_rng(seed)
        scene = make_scene(rng, size, 1, kind=kind, occluder=bool(seed % 2))
        frame_HWC = final(scene, scene.draw(0)[0])
        bodies = watchers.bodies(frame_HWC, range(0, 6, 2))
        assert max((body.score for body in bodies), default=0) < 0.4
        assert max((face.score for face in watchers.faces(frame_HWC)), default=0) < 0.45
        assert max((hand.score for hand in watchers.hands(frame_HWC)), default=0) < 0.5


def room_picture(seed: int, size: tuple[int, int]) -> tuple[Scene, Array]:
    """The room of the demo."""
    scene = make_room(np.random.default_rng(seed), size)
    return scene, final(scene, scene.draw(0)[0])


def test_room_fills_the_picture_with_texture() -> None:
    """No pixel is left empty, and no part of the wall or floor is flat."""
    for size in ((432, 240), (240, 320), (640, 240)):
        _, room_HWC = room_picture(3, size)
        assert room_HWC.shape == (size[1], size[0], 3)
        assert room_HWC.max(axis=2).min() > 0
        blocks = room_HWC[: size[1] // 40 * 40, : size[0] // 40 * 40].reshape(
            size[1] // 40, 40, size[0] // 40, 40, 3
        )
        assert blocks.std(axis=(1, 3)).min() > 2


def test_floor_and_wall_meet_where_the_camera_says() -> None:
    """The foot of the wall is drawn at the row to which its points project."""
    scene, room_HWC = room_picture(0, (432, 240))
    columns, rows, _ = drawn_px(scene, np.array([[1.0, 0.0, -1.4], [1.0, 0.1, -1.4]]), 0)
    floor_y, skirting_y = rows / SUPERSAMPLING
    column_HC = room_HWC[:, round(columns[0] / SUPERSAMPLING)].astype(int)
    middle = round((floor_y + skirting_y) / 2)
    assert column_HC[middle].sum() < column_HC[round(skirting_y) - 6].sum()
    assert skirting_y < floor_y


def test_same_seed_same_room() -> None:
    """Rooms differ by seed only."""
    rooms = [room_picture(seed, (64, 48))[1] for seed in (1, 1, 2)]
    assert np.array_equal(rooms[0], rooms[1])
    assert not np.array_equal(rooms[0], rooms[2])
