"""Fill holes in a clip with what other frames show there.

A hole pixel does not carry a colour from frame to frame, which would blur a little each time. It
carries where its colour comes from: a frame and a point in it (``Sources``), resampled once.

Shape suffixes: H height, W width, C colours, h w the same in blocks of ``BLOCK_PX``, N pixels.
Points are (x, y) with pixel centres at whole numbers, as OpenCV has them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from toolkit.frames import FrameStore, map_frames
from toolkit.m2m.pyramid import BLOCK_PX, enlarge, fill_in_blocks
from toolkit.m2m.types import Array

INVENTED_AGE = 10_000.0
"""Age in frames of a pixel that no frame shows: anything really seen is preferred."""

WINDOW_PX = 15
MAX_CORNERS = 300
MIN_TRACKS = 12
"""Fewer points than this say nothing about the camera: it is taken to stand still."""

MIN_FOUND_SHARE = 0.3
"""Where a smaller share of the points is found again, there is a cut."""

MAX_RETURN_GAP_PX = 0.5
"""A point tracked on and back again must return this near."""

MAX_PARALLAX = 1 / 144
"""What moves further than this share of the width against the camera is a thing of its own."""

MAX_BRIGHTNESS_STEP = 24
"""A larger difference (of 255) is another thing, not another light."""

MOVING_MARGIN_PX = 6


@dataclass(frozen=True)
class Tracks:
    """Points of the background found in two frames.

    Attributes:
        start_N2, end_N2: float32 (x, y) in the one frame and in the other.
        num_tried: how many should have been found again.
    """

    start_N2: Array
    end_N2: Array
    num_tried: int

    @property
    def agree(self) -> bool:
        """Whether the two frames show the same place, as far as there is anything to follow."""
        return len(self.start_N2) >= MIN_FOUND_SHARE * self.num_tried


@dataclass
class Sources:
    """Where each pixel of one frame that cannot be used itself takes its colour from.

    Attributes:
        origin_HW3: float32 (source frame, x, y); the frame is -1 where no source is known.
        invented_HW: whether that colour was made up there rather than seen.
    """

    origin_HW3: Array
    invented_HW: Array

    @classmethod
    def none(cls, height: int, width: int) -> "Sources":
        """Return sources that know nothing."""
        return cls(np.full((height, width, 3), -1, np.float32), np.zeros((height, width), np.uint8))

    def invent(self, index: int, invented_HW: Array) -> None:
        """Make pixels of frame ``index`` their own sources: their colours were made up there."""
        y_N, x_N = np.nonzero(invented_HW)
        self.origin_HW3[y_N, x_N] = np.stack((np.full_like(x_N, index), x_N, y_N), 1)
        self.invented_HW[y_N, x_N] = 1

    def age_HW(self, index: int) -> Array:
        """Return how many frames from frame ``index`` the source lies; 0 where there is none."""
        frame_HW = self.origin_HW3[..., 0]
        age_HW = np.abs(frame_HW - index) + np.where(self.invented_HW, INVENTED_AGE, 0)
        return np.where(frame_HW < 0, 0, age_HW)


def bounds(where_HW: Array) -> tuple[slice, slice]:
    """Return the rows and columns that hold everything set in ``where_HW``; empty for nothing."""
    x, y, width, height = cv2.boundingRect(where_HW.astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def structure(frame_HWC: Array) -> Array:
    """Return the fine structure of a frame, [H, W] uint8: the same in light and in shade."""
    grey_HW = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY)
    shade_HW = cv2.blur(grey_HW, (WINDOW_PX, WINDOW_PX))
    return np.asarray(cv2.addWeighted(grey_HW, 1, shade_HW, -1, 128))


def track_points(
    frame_HW: Array, usable_HW: Array, next_HW: Array, next_usable_HW: Array
) -> Tracks:
    """Follow corners of the background from one frame to another (pyramidal Lucas-Kanade).

    Args:
        frame_HW: [H, W] uint8, the structure of the one.
        usable_HW: [H, W] bool, where it shows background.
        next_HW: [H, W] uint8, the structure of the other.
        next_usable_HW: [H, W] bool, where that shows background.
    """
    spacing_px = max(5, frame_HW.shape[1] // 72)
    corners = cv2.goodFeaturesToTrack(
        frame_HW, MAX_CORNERS, 0.005, spacing_px, mask=_far_from_people(usable_HW)
    )
    if corners is None:
        return Tracks(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 0)
    start_N2 = corners.reshape(-1, 2)
    end_N2, found_N = _follow(frame_HW, next_HW, start_N2)
    back_N2, returned_N = _follow(next_HW, frame_HW, end_N2)
    kept_N = found_N & returned_N & (np.abs(back_N2 - start_N2).max(1) <= MAX_RETURN_GAP_PX)
    near_N2 = np.rint(end_N2).astype(int)
    inside_N = ((near_N2 >= 0) & (near_N2 < usable_HW.shape[::-1])).all(1)
    near_N2 = near_N2.clip(0, np.subtract(usable_HW.shape[::-1], 1))
    visible_N = inside_N & (_far_from_people(next_usable_HW)[near_N2[:, 1], near_N2[:, 0]] != 0)
    kept_N &= visible_N
    return Tracks(start_N2[kept_N], end_N2[kept_N], int(visible_N.sum()))


def background_motion(start_N2: Array, end_N2: Array, height: int, width: int) -> Array:
    """Estimate how the background moves everywhere, also where it cannot be seen.

    A homography fitted to tracked points carries the camera's motion through the hole; what the
    points say beyond it (parallax) is continued smoothly from the hole's surroundings.

    Returns:
        [h, w, 2] float32 px, in blocks; no motion where too few points are known.
    """
    num_blocks = (-(-height // BLOCK_PX), -(-width // BLOCK_PX))
    if len(start_N2) < MIN_TRACKS:
        return np.zeros((*num_blocks, 2), np.float32)
    homography_33, _ = cv2.findHomography(start_N2, end_N2, cv2.RANSAC, 1.0, maxIters=500)
    if homography_33 is None:
        homography_33 = np.eye(3)
    residual_N2 = end_N2 - start_N2 - _homography_flow(homography_33, start_N2[None])[0]
    residual_HW2 = np.zeros((height, width, 2), np.float32)
    weights_HW = np.zeros((height, width), np.float32)
    x_N, y_N = np.rint(start_N2).astype(int).T
    residual_HW2[y_N, x_N] = residual_N2
    weights_HW[y_N, x_N] = np.abs(residual_N2).max(1) <= MAX_PARALLAX * width
    residual_hw2 = fill_in_blocks(residual_HW2, weights_HW)
    centres_hw2 = _grid(*num_blocks, height, width)
    return residual_hw2 + _homography_flow(homography_33, centres_hw2)


def grow(mask_HW: Array, margin_px: float) -> Array:
    """Tell what lies in a mask or within a margin of it: [H, W] bool."""
    outside_HW = np.where(mask_HW, 0, 1).astype(np.uint8)
    distance_HW = cv2.distanceTransform(outside_HW, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance_HW <= margin_px)


def soften(frame_HWC: Array) -> Array:
    """Return a frame in grey without its finest structure: [H, W] uint8."""
    grey_HW = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey_HW, (7, 7), 0))


def find_moving(
    frame_HW: Array, usable_HW: Array, other_HW: Array, other_usable_HW: Array, flow_HW2: Array
) -> Array:
    """Tell where something near a hole does not move with the background: [H, W] bool.

    Args:
        frame_HW: [H, W] uint8, a softened frame.
        usable_HW: [H, W] bool, where it shows background.
        other_HW: [H, W] uint8, its neighbour, softened.
        other_usable_HW: [H, W] bool, where that shows background.
        flow_HW2: [H, W, 2] px, the background's motion from the one to the other.
    """
    height, width = usable_HW.shape
    target_HW2 = _grid(height, width, height, width) + flow_HW2
    other_HW = _look_up(other_HW, target_HW2, cv2.INTER_LINEAR, 0)
    comparable_HW = _look_up(other_usable_HW.astype(np.uint8), target_HW2, cv2.INTER_NEAREST, 0)
    changed_HW = cv2.absdiff(frame_HW, other_HW) > MAX_BRIGHTNESS_STEP
    changed_HW &= usable_HW & (comparable_HW != 0)
    reach_px = max(16, width / 27)
    return grow(changed_HW, MOVING_MARGIN_PX) & grow(~usable_HW, reach_px)


def carry(
    sources: Sources, usable_HW: Array, neighbour: int, flow_HW2: Array, wanted_HW: Array
) -> Sources:
    """Follow the flow from a frame to its neighbour and take over what is known there.

    Args:
        sources: what the neighbour's own unusable pixels take their colour from.
        usable_HW: [H, W] bool, the neighbour's pixels that may be used themselves.
        neighbour: index of the neighbour.
        flow_HW2: [H, W, 2] px from the frame to its neighbour.
        wanted_HW: [H, W] bool, the frame's pixels that need a source.
    """
    height, width = wanted_HW.shape
    carried = Sources.none(height, width)
    box = bounds(wanted_HW)
    target_HW2 = _grid(height, width, height, width)[box] + flow_HW2[box]
    origin_HW3 = _look_up(sources.origin_HW3, target_HW2, cv2.INTER_NEAREST, -1)
    origin_HW3[..., 1:] += target_HW2 - np.rint(target_HW2)
    between_HW3 = _look_up(sources.origin_HW3, target_HW2, cv2.INTER_LINEAR, -1)
    same_frame_HW1 = origin_HW3[..., :1] == between_HW3[..., :1]
    np.copyto(origin_HW3, between_HW3, where=same_frame_HW1)
    seen_HW = _look_up(usable_HW.astype(np.uint8), target_HW2, cv2.INTER_NEAREST, 0) != 0
    origin_HW3[seen_HW, 0] = neighbour
    np.copyto(origin_HW3[..., 1:], target_HW2, where=seen_HW[..., None])
    origin_HW3[~wanted_HW[box]] = -1
    carried.origin_HW3[box] = origin_HW3
    invented_HW = _look_up(sources.invented_HW, target_HW2, cv2.INTER_NEAREST, 0)
    carried.invented_HW[box] = invented_HW * (wanted_HW[box] & ~seen_HW)
    return carried


def drop_unusable(sources: Sources, usable_HW: Callable[[int], Array]) -> None:
    """Forget the sources that lie where their frame does not show background.

    The edge of what is known is rounded to whole pixels at every step. Where the background moves
    by less than half a pixel a frame it would not retreat, and creep into the person instead.

    Args:
        sources: of one frame; those that were made up stay.
        usable_HW: gives, for the index of a frame, [H, W] bool, where it shows background.
    """
    y_N, x_N = np.nonzero((sources.origin_HW3[..., 0] >= 0) & (sources.invented_HW == 0))
    origin_N3 = np.rint(sources.origin_HW3[y_N, x_N]).astype(int)
    height, width = sources.invented_HW.shape
    from_x_N, from_y_N = origin_N3[:, 1].clip(0, width - 1), origin_N3[:, 2].clip(0, height - 1)
    wrong_N = np.zeros(len(y_N), bool)
    for index in np.unique(origin_N3[:, 0]):
        of_frame_N = origin_N3[:, 0] == index
        wrong_N[of_frame_N] = ~usable_HW(int(index))[from_y_N[of_frame_N], from_x_N[of_frame_N]]
    sources.origin_HW3[y_N[wrong_N], x_N[wrong_N]] = -1


def gather(frames: FrameStore, sources: Sources) -> Array:
    """Fetch the colours the sources point to: [H, W, 3] uint8, black where there is no source."""
    height, width = sources.invented_HW.shape
    colours_NC = np.zeros((height * width, 3), np.uint8)
    pixels_N = np.flatnonzero(sources.origin_HW3[..., 0] >= 0)
    origin_N3 = sources.origin_HW3.reshape(-1, 3)[pixels_N]
    order_N = np.argsort(origin_N3[:, 0], kind="stable")
    pixels_N, origin_N3 = pixels_N[order_N], origin_N3[order_N]
    indices, counts = np.unique(origin_N3[:, 0], return_counts=True)
    start = 0
    for index, count in zip(indices, counts, strict=True):
        group = slice(start, start + count)
        colours_NC[pixels_N[group]] = _sample(frames[int(index)], origin_N3[group, 1:])
        start += count
    return colours_NC.reshape(height, width, 3)


def blend(
    before_HWC: Array, age_before_HW: Array, after_HWC: Array, age_after_HW: Array
) -> tuple[Array, Array]:
    """Mix what is seen before with what is seen after; the nearer in time counts more.

    Ages are in frames, 0 where nothing is known.

    Returns:
        [H, W, 3] float32 and where it is known, [H, W] bool.
    """
    weight_before_HW = _nearness(age_before_HW)
    weight_after_HW = _nearness(age_after_HW)
    total_HW = weight_before_HW + weight_after_HW
    share_HW1 = (weight_before_HW / np.maximum(total_HW, 1e-12))[..., None]
    mixed_HWC = after_HWC + share_HW1 * (before_HWC.astype(np.float32) - after_HWC)
    return mixed_HWC, total_HW > 0


def match_brightness(fill_HWC: Array, frame_HWC: Array, rim_HW: Array) -> Array:
    """Shift a fill by the smooth difference to the frame on the rim of the hole.

    Args:
        fill_HWC: [H, W, 3] float32, known in the hole and on its rim.
        frame_HWC: [H, W, 3] uint8.
        rim_HW: [H, W] bool, pixels outside the hole where both are known.

    Returns:
        [H, W, 3] uint8.
    """
    height, width = rim_HW.shape
    step_HWC = frame_HWC.astype(np.float32) - fill_HWC
    red_HW, green_HW, blue_HW = cv2.split(np.abs(step_HWC))
    largest_HW = np.maximum(np.maximum(red_HW, green_HW), blue_HW)
    alike_HW = rim_HW & (largest_HW <= MAX_BRIGHTNESS_STEP)
    step_HWC = enlarge(fill_in_blocks(step_HWC, alike_HW.astype(np.float32)), height, width)
    return np.clip(np.rint(fill_HWC + step_HWC), 0, 255).astype(np.uint8)


def median_background(
    frames_SHWC: Array, usable_SHW: Array, share: float = 0.5
) -> tuple[Array, Array]:
    """Return the median over S frames of what is usable, and where anything is.

    ``share`` is of the values that are lower: another quantile than the median.

    Returns:
        [H, W, 3] uint8 (black where nothing is usable) and [H, W] bool.
    """
    num_usable_HW = usable_SHW.sum(0)
    place_HW1 = (np.maximum(num_usable_HW - 1, 0)[..., None] * share).astype(int)

    def row(y: int) -> Array:
        row_SWC = np.where(usable_SHW[:, y, :, None], frames_SHWC[:, y].astype(np.int16), 256)
        values_WCS = np.sort(row_SWC.transpose(1, 2, 0), axis=2)
        place_WC1 = np.broadcast_to(place_HW1[y, :, None], (*values_WCS.shape[:2], 1))
        return (np.take_along_axis(values_WCS, place_WC1, 2)[..., 0] % 256).astype(np.uint8)

    return np.stack(list(map_frames(row, len(place_HW1)))), num_usable_HW > 0


def _nearness(age_HW: Array) -> Array:
    age_HW = np.maximum(age_HW, 1).astype(np.float32) * np.where(age_HW > 0, 1, np.inf)
    return (1 / age_HW**2).astype(np.float32)


@lru_cache(maxsize=4)
def _grid(num_rows: int, num_columns: int, height: int, width: int) -> Array:
    """Centres (x, y) of the cells of a raster laid over an image: [rows, columns, 2] float32."""
    x = (np.arange(num_columns) + 0.5) * width / num_columns - 0.5
    y = (np.arange(num_rows) + 0.5) * height / num_rows - 0.5
    grid = np.stack(np.meshgrid(x, y), 2).astype(np.float32)
    grid.flags.writeable = False
    return grid


def _homography_flow(homography_33: Array, points_HW2: Array) -> Array:
    return cv2.perspectiveTransform(points_HW2, homography_33) - points_HW2


def _follow(frame_HW: Array, next_HW: Array, start_N2: Array) -> tuple[Array, Array]:
    """Track points from one frame to the next: where they are, and whether they were found."""
    end_N2, found_N1, _ = cv2.calcOpticalFlowPyrLK(
        frame_HW,
        next_HW,
        start_N2,
        np.zeros_like(start_N2),
        winSize=(WINDOW_PX, WINDOW_PX),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 15, 0.02),
    )
    return np.asarray(end_N2), np.asarray(found_N1)[:, 0] != 0


def _far_from_people(usable_HW: Array) -> Array:
    """Shrink the usable area by the reach of the tracker's window: uint8, 255 where usable."""
    usable_HW = np.where(usable_HW, 255, 0).astype(np.uint8)
    return np.asarray(cv2.erode(usable_HW, np.ones((WINDOW_PX, WINDOW_PX), np.uint8)))


def _look_up(values_HWC: Array, target_HW2: Array, interpolation: int, outside: int) -> Array:
    """Values at points between pixels; ``outside`` beyond the border."""
    values = cv2.remap(
        values_HWC,
        target_HW2[..., 0],
        target_HW2[..., 1],
        interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,) * 3,
    )
    return np.asarray(values)


def _sample(frame_HWC: Array, point_N2: Array) -> Array:
    """Colours of a frame at points between pixels (cubic): [N, 3] uint8."""
    columns = 1024  # cv2.remap makes images of fewer than 32768 rows
    num_rows = -(-len(point_N2) // columns)
    point_RC2 = np.zeros((num_rows, columns, 2), np.float32)
    point_RC2.reshape(-1, 2)[: len(point_N2)] = point_N2
    colours_RC3 = cv2.remap(
        frame_HWC,
        point_RC2[..., 0],
        point_RC2[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(colours_RC3).reshape(-1, 3)[: len(point_N2)]
