"""Whether masks let go of a part of somebody for a while: frames in, a number out."""

from toolkit.frames import FrameStore
from toolkit.m2m.left_behind import left_behind
from toolkit.m2m.types import People
from toolkit.qa.checks import Reading


def left_behind_share(frames: FrameStore, people: People, index: int, fps: float) -> Reading:
    """Share of the frame that the largest part of somebody takes which its mask let go of.

    Args:
        frames: [T, H, W, 3] uint8 RGB, the source.
        people: ``masks`` and ``cores`` of the same frames.
        index: the frame.
        fps: frames per second.

    Returns:
        0 to 1; 0 where the clip has no frame before or after.
    """
    return Reading.of_largest_part(left_behind(frames, people, index, fps))
