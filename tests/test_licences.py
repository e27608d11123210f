"""What may be done with code, weights and rendered video: the most restrictive part decides."""

import pytest

from toolkit.errors import ConfigError
from toolkit.licences import (
    ALLOWS,
    Component,
    check_licence,
    default_body,
    find_licence,
    list_components,
    solve,
)
from toolkit.models import load_registry

VIDEO = "rendered video"


def _solve(profile: str, body: str | None, *more: Component) -> dict[str, tuple[str, set[str]]]:
    answers = solve(list_components(profile, body, more))
    return {a.subject: (a.allows, {part.name for part in a.decided_by}) for a in answers}


def test_every_licence_of_the_registry_is_known() -> None:
    """A new model brings a licence that has to be read first."""
    for model in load_registry().values():
        assert find_licence(model.licence, model.name).allows in ALLOWS


@pytest.mark.parametrize("body", ["mannequin", "anny-neutral", "anny-male", "anny-female", None])
def test_the_offline_profile_restricts_nothing(body: str | None) -> None:
    """Whichever body is drawn; the source alone may."""
    assert all(answer == ("any", set()) for answer in _solve("offline", body).values())
    videos = Component("videos of Kinetics", "videos", "uploaders")
    solved = _solve("offline", body, videos)
    assert solved[VIDEO] == ("research", {"videos of Kinetics"})
    assert solved["weights"] == ("any", set())


def test_the_paper_profile_is_not_for_money() -> None:
    """Because of the body model, its package, and the inpainter."""
    solved = _solve("paper", default_body("paper"))
    assert solved[VIDEO] == ("non-commercial", {"SMPL-X", "smplx_neutral", "e2fgvi_hq"})
    assert solved["code"] == ("non-commercial", {"smplx"})


def test_a_licence_must_be_borne_by_every_part() -> None:
    """The part that does not is named; a licence that allows no more is fine."""
    parts = list_components("paper", None)
    with pytest.raises(ConfigError, match=r"^e2fgvi_hq is under CC-BY-NC-4\.0, which allows non-"):
        check_licence("CC-BY-4.0", parts, VIDEO)
    assert check_licence("CC-BY-NC-4.0", parts, VIDEO).hub == "cc-by-nc-4.0"
    assert check_licence("m2m-research", parts, VIDEO).hub is None


def test_what_nobody_knows_is_a_stop() -> None:
    """An unknown licence, and a body of which nobody says anything, by name."""
    unknown = Component("new weights", "weights", "Secret-1.0")
    with pytest.raises(ConfigError, match=r"^new weights: nothing is known of .*'Secret-1\.0'"):
        solve(list_components("offline", None, [unknown]))
    with pytest.raises(ConfigError, match=r"^body mine: nobody says under which licence it is"):
        list_components("offline", "mine")
    mine = Component("my body", "body", "SMPL-X-non-commercial", ("mine",))
    assert _solve("offline", "mine", mine)[VIDEO] == ("non-commercial", {"my body"})
    assert _solve("offline", "mannequin", mine)[VIDEO] == ("any", set())


def test_the_command_tells_both(run_m2m) -> None:
    """A line a part, a line a question with the reason; an unknown profile is one line."""
    done = run_m2m("licences", "--profile", "paper")
    assert "smplx_neutral                     weights  SMPL-X-non-commercial" in done.stdout
    assert "rendered video: non-commercial use only, because of SMPL-X (" in done.stdout
    done = run_m2m("licences", "--profile", "none")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
