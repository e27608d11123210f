"""Faces as unit vectors: two of one person lie close together. For the re-identification attack.

CenterFace finds a face and its five points, by which it is turned upright and scaled; FaceRes, a
MobileNet that was trained on VGGFace2 to tell people apart, describes it. Nothing that makes a clip
uses it. MobileFaceNet of the same package hardly tells people apart: any two of 192 faces of four
people had a cosine above 0.999, and the area under ROC was 0.76, where FaceRes has 0.97.
"""

from pathlib import Path

import cv2
import numpy as np

from toolkit.adapters.detectors import CenterFace, onnx_session
from toolkit.m2m.types import Array

MIN_SCORE = 0.5
"""What CenterFace gives a face that is looked at."""

_SIZE = 224
_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
_OUTPUT = "global_pooling/Mean"
_NUM_NUMBERS = 1024
_LEAST = 1e-6
"""A picture of one colour may excite nothing: then the vector is zero, and like no other."""
_TEMPLATE_52 = (
    _SIZE
    / 112
    * np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])
)
"""Where eyes, nose and corners of the mouth are put: as in ArcFace's pictures, which show the face
from the brows to the chin."""


class FaceEmbedder:
    """Finds faces and embeds them."""

    def __init__(self, centerface: Path, faceres: Path) -> None:
        self._detector = CenterFace(centerface)
        self._session = onnx_session(faceres)
        self._input = self._session.get_inputs()[0].name

    def embed_all(self, image_HWC: Array) -> Array:
        """Return the embedding of each face that is found: [N, 1024], best first."""
        faces = self._detector.detect(image_HWC, MIN_SCORE)
        points = [face.points_N3[:, :2] for face in faces if face.points_N3 is not None]
        embeddings = [self.embed(align_face(image_HWC, points_52)) for points_52 in points]
        return np.reshape(embeddings, (-1, _NUM_NUMBERS))

    def embed(self, face_HWC: Array) -> Array:
        """Return the embedding [1024] of an aligned face."""
        image = face_HWC[None, ..., ::-1].astype(np.float32) - _MEAN_BGR
        (features,) = self._session.run([_OUTPUT], {self._input: image})
        return np.asarray(features[0] / max(float(np.linalg.norm(features[0])), _LEAST))


def align_face(image_HWC: Array, points_52: Array) -> Array:
    """Return the face [224, 224, 3] turned, scaled and moved so that its points lie as they should.

    The similarity is the one of least squares (Umeyama 1991).
    """
    middle_2, middle_of_template_2 = points_52.mean(0), _TEMPLATE_52.mean(0)
    from_52, to_52 = points_52 - middle_2, _TEMPLATE_52 - middle_of_template_2
    # As complex numbers, a turn and a scale are one factor.
    from_5, to_5 = from_52 @ (1, 1j), to_52 @ (1, 1j)
    factor = np.vdot(from_5, to_5) / max(float(np.vdot(from_5, from_5).real), 1e-9)
    linear_22 = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    shift_2 = middle_of_template_2 - linear_22 @ middle_2
    transform_23 = np.column_stack([linear_22, shift_2])
    return np.asarray(cv2.warpAffine(image_HWC, transform_23, (_SIZE, _SIZE)))
