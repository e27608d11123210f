import numpy as np

from toolkit.actors.scenes import make_room


def test_room_fills_the_picture_with_texture() -> None:
    """No pixel is left empty, and no part of the wall or floor is flat."""
    for size in ((432, 240), (240, 320), (640, 240)):
        room_HWC = make_room(np.random.default_rng(3), size).draw()
        assert room_HWC.shape == (size[1], size[0], 3)
        assert room_HWC.max(axis=2).min() > 0
        blocks = room_HWC[: size[1] // 40 * 40, : size[0] // 40 * 40].reshape(
            size[1] // 40, 40, size[0] // 40, 40, 3
        )
        assert blocks.std(axis=(1, 3)).min() > 2


def test_floor_and_wall_meet_where_the_camera_says() -> None:
    """The foot of the wall is drawn at the row to which its points project."""
    scene = make_room(np.random.default_rng(0), (432, 240))
    x, y, z = scene.to_camera(np.array([[1.0, 0.0, -1.4], [1.0, 0.1, -1.4]])).T
    floor_y, skirting_y = scene.camera.fy * y / z + scene.camera.cy
    column_HC = scene.draw()[:, round(scene.camera.fx * x[0] / z[0] + scene.camera.cx)].astype(int)
    middle = round((floor_y + skirting_y) / 2)
    assert column_HC[middle].sum() < column_HC[round(skirting_y) - 6].sum()
    assert skirting_y < floor_y


def test_same_seed_same_room() -> None:
    """Rooms differ by seed only."""
    rooms = [make_room(np.random.default_rng(seed), (64, 48)).draw() for seed in (1, 1, 2)]
    assert np.array_equal(rooms[0], rooms[1])
    assert not np.array_equal(rooms[0], rooms[2])
