import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from toolkit.actors.scenes import HELD, KINDS, PROPS, SUPERSAMPLING, Scene, make_scene, prop_mesh
from toolkit.actors.scenes.props import OCCLUDERS
from toolkit.m2m.types import Array

SIZE = (216, 120)


def drawn_px(scene: Scene, points_N3: Array) -> tuple[Array, Array, Array]:
    """Column and row in the drawn picture, and depth, of points of the world."""
    x, y, z = scene.to_camera(points_N3).T
    camera = scene.camera
    columns, rows = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    return SUPERSAMPLING * columns, SUPERSAMPLING * rows, z


def hidden_share(scene: Scene) -> float:
    """How much of a person of 0.44 x 1.72 m at the origin is behind something."""
    across, up = np.meshgrid(np.linspace(-0.22, 0.22, 23), np.linspace(0.01, 1.72, 87))
    points_N3 = np.stack([across.ravel(), up.ravel(), 0 * up.ravel()], axis=1)
    columns, rows, depth_N = drawn_px(scene, points_N3)
    depth_HW = scene.draw(0)[1]
    drawn_N = depth_HW[np.floor(rows).astype(int), np.floor(columns).astype(int)]
    return float((drawn_N < depth_N - 0.3).mean())


@pytest.mark.parametrize("name", OCCLUDERS)
def test_occluder_hides_a_part_of_a_person(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in front hides 10 to 40 % of who stands at the origin."""
    monkeypatch.setattr("toolkit.actors.scenes.props.OCCLUDERS", {name: OCCLUDERS[name]})
    for seed, kind in enumerate(KINDS):
        rng = np.random.default_rng(seed)
        share = hidden_share(make_scene(rng, SIZE, 1, kind=kind, occluder=True))
        assert 0.1 <= share <= 0.4, (name, seed, share)


def test_without_an_occluder_nothing_is_in_front() -> None:
    """The space between the camera and a person is empty."""
    for seed, kind in enumerate(KINDS):
        assert hidden_share(make_scene(np.random.default_rng(seed), SIZE, 1, kind=kind)) == 0


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("chair", (0.0, 0.45, -0.3)),
        ("mat", (-0.8, 0.025, 0.0)),
        ("box", (0.0, 0.26, 0.5)),
        ("bag", (0.42, 1.2, 0.79)),
        ("ball", (-0.12, 0.22, 0.55)),
        ("dust", (0.75, 0.3, 0.1)),
        ("weights", (0.7, 0.085, 0.1)),
    ],
)
def test_props_stand_where_actions_expect_them(name: str, point: tuple[float, ...]) -> None:
    """A point of each thing's surface is what the camera sees there."""
    assert name in PROPS
    for heading in (0.0, 0.4):
        turn_33 = Rotation.from_rotvec([0, heading, 0]).as_matrix()
        rng = np.random.default_rng(0)
        scene = make_scene(rng, (432, 240), 1, kind="gym", props=[name], heading=heading)
        (column,), (row,), (depth,) = drawn_px(scene, np.array([turn_33 @ point]))
        assert abs(scene.draw(0)[1][int(row), int(column)] - depth) < 0.05


@pytest.mark.parametrize("name", HELD)
def test_held_props_are_closed_meshes(name: str) -> None:
    """Faces look outwards, sizes are those of the docstring, colours vary by seed."""
    mesh = prop_mesh(name, np.random.default_rng(0))
    a, b, c = (mesh.vertices_V3[mesh.faces_F3[:, i]] for i in range(3))
    volume_m3 = np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6
    size_3 = np.ptp(mesh.vertices_V3, axis=0)
    expected = {"ball": (0.22, 0.22, 0.22), "box": (0.36, 0.26, 0.3), "broom": (0.4, 1.4, 0.07)}
    assert size_3 == pytest.approx(expected[name], abs=0.005)
    assert 0.0005 < volume_m3 < 0.03
    assert mesh.vertex_colors_V3.dtype == np.uint8
    other = prop_mesh(name, np.random.default_rng(1))
    assert not np.array_equal(mesh.vertex_colors_V3, other.vertex_colors_V3)
