"""SMPL-X as a body, from a file that holds chance instead of the licensed shape."""

import numpy as np
import pytest

pytest.importorskip("smplx", reason="needs the extra paper")

from tests.body_motion import motion
from tests.smplx_file import NUM_VERTICES, write_smplx
from toolkit import models
from toolkit.adapters.smplx_body import FemaleSmplxBody, SmplxBody, load_layer
from toolkit.errors import ModelError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    """A cache with synthetic files of two genders."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("M2M_CACHE", str(folder / "m2m"))
        for name, salt in (("NEUTRAL", "m2m"), ("FEMALE", "other")):
            models.import_file(write_smplx(folder / f"SMPLX_{name}.npz", salt))
        yield folder


@pytest.mark.usefixtures("cache")
def test_frames_are_posed_together_as_one_by_one():
    """20 frames, more than go at once, give the meshes that each gives alone."""
    turns = np.linspace(0, 1, 60).reshape(20, 3)
    moving = motion(20, global_orient_T3=turns, transl_T3=turns + 3)
    body = SmplxBody()
    meshes = list(body.meshes(moving))
    assert len(meshes) == 20
    assert meshes[0].vertices_V3.shape == (NUM_VERTICES, 3)
    assert meshes[0].faces_F3 is meshes[19].faces_F3
    alone = next(body.meshes(motion(1, global_orient_T3=turns[17:18], transl_T3=turns[17:18] + 3)))
    assert np.allclose(alone.vertices_V3, meshes[17].vertices_V3, atol=1e-5)


@pytest.mark.usefixtures("cache")
def test_nobodys_figure_is_drawn():
    """Recovered betas change nothing; another file does, and translation moves all of it."""
    plain = next(SmplxBody().meshes(motion(1))).vertices_V3
    body = SmplxBody()
    assert np.array_equal(plain, next(body.meshes(motion(1, betas_10=np.ones(10)))).vertices_V3)
    assert not np.allclose(plain, next(FemaleSmplxBody().meshes(motion(1))).vertices_V3)
    moved = next(body.meshes(motion(1, transl_T3=np.array([[1.0, 2, 3]])))).vertices_V3
    assert np.allclose(moved - plain, [1, 2, 0], atol=1e-5)


def test_a_wrong_file_is_refused(tmp_path, cache):
    """By the first arrays that it lacks; pickled ones are not even looked at."""
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, v_template=np.zeros((3, 3)))
    with pytest.raises(ModelError, match="lacks shapedirs, posedirs, f: get it from"):
        load_layer(path)
    with np.load(cache / "SMPLX_NEUTRAL.npz") as file:
        arrays = dict(file)
    np.savez(path, allow_pickle=True, **(arrays | {"f": np.array([{}], object)}))
    with pytest.raises(ModelError, match="no SMPL-X file of plain arrays"):
        load_layer(path)
    np.savez(path, allow_pickle=True, **arrays, part2num=np.array({"a": 1}, object))
    load_layer(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ModelError, match="no SMPL-X file of plain arrays"):
        load_layer(path)
