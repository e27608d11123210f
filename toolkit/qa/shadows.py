"""Whether a person's shadow is left: frames in, a number out."""

import cv2

from toolkit.m2m.shadows import Shadows


def shadow_share(shadows: Shadows, index: int) -> float:
    """Share of the frame that the largest shadow takes which no mask covers.

    Args:
        shadows: looks for them in the source, with the final masks; finds none where the camera
            moves.
        index: the frame.

    Returns:
        0 to 1.
    """
    shadow_HW = shadows.find(index)
    _, _, stats, _ = cv2.connectedComponentsWithStats(shadow_HW, connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0) / shadow_HW.size)
