"""What of the people filmed is taken out of a clip, and what stays, in plain language."""

from collections.abc import Sequence
from typing import NamedTuple

from toolkit.privacy.examples import Example


class Remark(NamedTuple):
    """A thing that might tell who somebody is, and what becomes of it."""

    what: str
    why: str


def tell_removed(examples: Sequence[Example], *, draws_bodies: bool) -> list[Remark]:
    """Return what is not in a released clip any more.

    Args:
        examples: whose poses say whether bodies have a shape of their own.
        draws_bodies: whether meshes are drawn.
    """
    return [
        Remark("Voice and all sound", "The file that is written holds one silent video."),
        Remark(
            "Face, hair, skin and clothes",
            "What the masks say is a person is replaced, in every frame, by the scene behind as "
            "other frames show it, or as it may be. What masks miss, the checks are to find.",
        ),
        *([_tell_shape(examples)] if draws_bodies else [_NOT_DRAWN]),
        Remark(
            "Names, dates and devices",
            "No tag, date, subtitle, thumbnail or note of a device is copied from the source.",
        ),
        Remark(
            "Which video it was",
            "The ids of the source are replaced by keyed hashes. Whoever has the source can still "
            "recognise it by its picture.",
        ),
    ]


def _tell_shape(examples: Sequence[Example]) -> Remark:
    own = sum(example.has_shapes for example in examples)
    bodies = sum(example.num_bodies for example in examples)
    if own:
        return Remark(
            "Body shape: only in part",
            f"In {own} of the clips pictured here, poses carry a shape of the person's own.",
        )
    looked = f" Bodies looked at in the clips pictured here: {bodies}." if bodies else ""
    return Remark(
        "Body shape",
        "Everybody is drawn as the same body, whatever their build; the shape parameters that come "
        f"with the poses are zero.{looked} How large a body is in the picture stays.",
    )


_NOT_DRAWN = Remark(
    "Body and movement", "Nobody is drawn in this release, and no poses come with it."
)


def tell_remains(*, draws_bodies: bool) -> list[Remark]:
    """Return what is still in a released clip and may tell who, where or when."""
    return [
        Remark(
            "Place and background",
            "Everything outside the masks is the picture as it was filmed: a home, a street, a "
            "vehicle, an animal.",
        ),
        Remark(
            "Text and pictures in the picture",
            "They stay. Text in the first, middle or last frame marks a clip (check text) and "
            "holds nothing back. Of posters and photographs only what a detector takes for a "
            "person is removed.",
        ),
        *(_DRAWN if draws_bodies else ()),
        Remark(
            "The action itself",
            "It is the purpose of the data, and the label says it. It may be telling by itself.",
        ),
        Remark(
            "Traces of removal",
            "Filled-in places can often be told from their surroundings, and with them roughly "
            "where people were. Shadows are removed before a still camera only; reflections are "
            "removed only where a detector takes them for a person.",
        ),
        Remark(
            "What the checks do not see",
            "They are detectors, and detectors miss people. The bounds on this page say how much "
            "is known of how often.",
        ),
    ]


_DRAWN = (
    Remark(
        "Gait and movement",
        "Each body moves as the person did, frame by frame, and the poses come with the clip as "
        "numbers. Whoever knows how somebody walks may know them again.",
    ),
    Remark(
        "How many people, where and how large",
        "Each is drawn where they were and as large as they were in the picture, for as long as "
        "they were followed.",
    ),
)
