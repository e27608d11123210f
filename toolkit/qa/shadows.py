"""Whether a person's shadow is left: frames in, a number out."""

from toolkit.m2m.shadows import Shadows
from toolkit.qa.checks import Reading


def shadow_share(shadows: Shadows, index: int) -> Reading:
    """Share of the frame that the largest shadow takes which no mask covers.

    Args:
        shadows: looks for them in the source, with the final masks; finds none where the camera
            moves.
        index: the frame.

    Returns:
        0 to 1.
    """
    return Reading.of_largest_part(shadows.find(index))
