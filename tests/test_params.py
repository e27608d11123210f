"""params.yaml is read by one module, which names what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from toolkit import backends
from toolkit.config import load_profile
from toolkit.errors import ConfigError
from toolkit.params import read_params, set_version


def _write(root: Path, tmp_path: Path, **changes: Any) -> Path:
    values = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values | changes), "utf-8")
    return path


@pytest.mark.parametrize("name", ["params.yaml", "params/tiny.yaml"])
def test_what_ships_is_valid(root: Path, name: str) -> None:
    """And names backends that exist."""
    params = read_params(root / name)
    load_profile(params.profile)
    for release in params.releases.values():
        assert release.body is None or release.body in backends.names("body")


def test_both_have_one_shape(root: Path) -> None:
    """The same keys, but for releases that the small one leaves out."""
    paper, tiny = (
        yaml.safe_load((root / name).read_text("utf-8"))
        for name in ("params.yaml", "params/tiny.yaml")
    )
    assert tiny.pop("releases").items() <= paper.pop("releases").items()
    assert {
        key: set(value) if isinstance(value, dict) else None for key, value in tiny.items()
    } == {key: set(value) if isinstance(value, dict) else None for key, value in paper.items()}


def test_the_papers_values(root: Path) -> None:
    """432x240 (section 3.2), and every variant of Tables 2 to 4."""
    params = read_params(root / "params.yaml")
    assert (params.standardize.width, params.standardize.height) == (432, 240)
    assert set(params.releases) == {
        "kinetics-150",
        "m2m-kinetics",
        "m2m-kinetics-male",
        "m2m-kinetics-female",
        "m2m-kinetics-noinpaint",
        "nohuman-kinetics",
    }


def test_what_shows_people_is_not_packed_unless_asked(root: Path) -> None:
    """Of both files."""
    for name in ("params.yaml", "params/tiny.yaml"):
        for release in read_params(root / name).releases.values():
            assert not (release.shows_people and release.pixels)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clips_per_shard": 0}, "clips_per_shard: .*got 0"),
        ({"standardize": {"width": 431, "height": 240}}, "standardize.width: .*must be even.*431"),
        ({"source": {"path": "../kinetics"}}, "source.path: .*inside the project folder"),
        ({"source": {"path": "/kinetics"}}, "source.path: .*inside the project folder"),
        ({"colour": "red"}, "colour: "),
        ({"run": {"workers": None, "max_failed_fraction": 2}}, "run.max_failed_fraction: .*got 2"),
        ({"releases": {"M2M": {"scene": "empty", "body": None, "pixels": True}}}, "releases.M2M"),
        ({"classes": {"method": "best"}}, "classes.method: .*'all'.*got 'best'"),
    ],
)
def test_a_wrong_value_is_named(
    root: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """Key, rule and value, in one line."""
    with pytest.raises(ConfigError, match=words) as caught:
        read_params(_write(root, tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: !!python/object:os.system {}"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, a list, no YAML, and YAML that would make an object."""
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match="correct it"):
        read_params(tmp_path / "params.yaml")


def test_no_file_says_where_to_be(tmp_path: Path) -> None:
    """A user in the wrong folder."""
    with pytest.raises(ConfigError, match="run this in a project folder"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{scene: empty, body: null, version: 1.0.0, pixels: true} # é", None),
        (
            "{scene: empty, body: null, pixels: true}",
            "{version: 2.0.0, scene: empty, body: null, pixels: true}",
        ),
        ("\n    scene: empty # é\n    body: null\n    version: '1.0.0'\n    pixels: true", None),
        (
            "\n    scene: empty\n    body: null\n    pixels: true",
            "\n    version: 2.0.0\n    scene: empty\n    body: null\n    pixels: true",
        ),
    ],
)
def test_a_version_is_set_and_all_else_stays(
    root: Path, tmp_path: Path, before: str, after: str | None
) -> None:
    """Comments and the way it is written; where there is no version, it comes first."""
    start = "  nohuman-kinetics:"
    text = (root / "params.yaml").read_text("utf-8")
    shipped = next(line for line in text.splitlines() if line.startswith(start))
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(shipped, f"{start} {before}"), "utf-8")
    set_version(path, "nohuman-kinetics", "2.0.0")
    wanted = after or before.replace("'1.0.0'", "2.0.0").replace("1.0.0", "2.0.0")
    assert path.read_text("utf-8") == text.replace(shipped, f"{start} {wanted}")


def test_a_version_that_two_releases_share_is_not_set(tmp_path: Path, root: Path) -> None:
    """The other release would get it too; the file stays as it was."""
    text = (root / "params.yaml").read_text("utf-8")
    text = text.replace("nohuman-kinetics: {", "nohuman-kinetics: &shared {")
    path = tmp_path / "params.yaml"
    path.write_text(
        text.replace("\n# A clip that", "  again: *shared\n\n# A clip that", 1), "utf-8"
    )
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cannot be set alone"):
        set_version(path, "nohuman-kinetics", "2.0.0")
    assert path.read_bytes() == before
