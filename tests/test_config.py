from dataclasses import asdict, replace

import pytest

from toolkit import backends, models
from toolkit.config import config_hash, load_profile
from toolkit.errors import ConfigError
from toolkit.gate import CHECK_MODELS


@pytest.mark.parametrize("name", ["offline", "permissive", "paper"])
def test_a_profile_names_backends_and_weights_that_exist(name: str) -> None:
    """Each step's name is one the registry knows for that step, and models.yaml has its weights."""
    profile = load_profile(name)
    assert set(CHECK_MODELS) <= set(models.names_of_profile(name))
    for kind, step in asdict(profile).items():
        assert step in backends.names(kind)


def test_another_inpainter_changes_nothing_else() -> None:
    """Only where one is named, and the profile itself stays as it was."""
    profile = load_profile("offline")
    assert load_profile("offline", inpaint="none") == replace(profile, inpaint="none")
    assert load_profile("offline", inpaint=None) == load_profile("offline") == profile


def test_an_unknown_profile_is_an_error_that_names_the_known_ones() -> None:
    """One line, and what to choose from."""
    with pytest.raises(ConfigError, match=r"unknown profile 'ofline': choose one of .*offline"):
        load_profile("ofline")


def test_the_hash_is_of_everything_that_decides_the_result() -> None:
    """Equal for equal settings in any order; another backend, value or name changes it."""
    profile = load_profile("offline")
    same = config_hash(profile, size=(432, 240), limits={"faces": 0.5, "people": 0.4})
    assert same == config_hash(profile, limits={"people": 0.4, "faces": 0.5}, size=(432, 240))
    assert len(same) == 64
    others = {
        config_hash(replace(profile, **{step: "other"}), size=(432, 240), limits={})
        for step in asdict(profile)
    }
    others |= {
        config_hash(profile, size=(432, 240), limits={"faces": 0.5, "people": 0.41}),
        config_hash(profile, size=None, limits={"faces": 0.5, "people": 0.4}),
        config_hash(profile, length=(432, 240), limits={"faces": 0.5, "people": 0.4}),
        config_hash(profile),
        same,
    }
    assert len(others) == len(asdict(profile)) + 5
