"""Where classes lie on a map: the two directions in which their means differ most."""

import numpy as np

from toolkit.knexus.cluster import square_distances
from toolkit.m2m.types import Array


def lay_out(means_CD: Array) -> Array:
    """Return a place [C, 2] for each class, within -1..1: principal coordinates of the means.

    They come of the C x C distances, so that many numbers cost little. A direction has no sign of
    its own: the class that is farthest along it lies on the positive side.
    """
    centred_CC = -square_distances(means_CD) / 2
    centred_CC = centred_CC - centred_CC.mean(0) - centred_CC.mean(1)[:, None] + centred_CC.mean()
    values, vectors_CC = np.linalg.eigh(centred_CC)
    places_C2 = np.zeros((len(means_CD), 2))
    for axis, index in enumerate(range(len(values) - 1, max(len(values) - 3, -1), -1)):
        line_C = vectors_CC[:, index] * np.sqrt(max(values[index], 0.0))
        places_C2[:, axis] = line_C * np.sign(line_C[np.abs(line_C).argmax()] or 1.0)
    return np.asarray(places_C2 / max(float(np.abs(places_C2).max()), 1e-12))
