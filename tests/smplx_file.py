"""A file with the arrays of SMPL-X and none of its content: chance, decided by a salt."""

from pathlib import Path

import numpy as np
import torch

from tests.golden import seeded

NUM_VERTICES, _NUM_FACES, _NUM_JOINTS = 10475, 20908, 55
_PARENTS = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
    20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38,
    21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53,
)  # fmt: skip


def write_smplx(path: Path, salt: str = "m2m") -> Path:
    """Write such a file, by the recipe of the stored outputs of OSX."""

    def normal(key: str, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=seeded(f"{salt}:smplx:{key}"))

    def uniform(key: str, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=seeded(f"{salt}:smplx:{key}"))

    def whole(key: str, below: int, *shape: int) -> np.ndarray:
        drawn = torch.randint(0, below, shape, generator=seeded(f"{salt}:smplx:{key}"))
        return drawn.numpy().astype(np.int64)

    def shares(values: torch.Tensor) -> torch.Tensor:
        return values / values.sum(-1, keepdim=True)

    regressor = torch.zeros(_NUM_JOINTS, NUM_VERTICES)
    chosen = [
        torch.randperm(NUM_VERTICES, generator=seeded(f"{salt}:smplx:J_idx:{joint}"))[:8]
        for joint in range(_NUM_JOINTS)
    ]
    regressor.scatter_(1, torch.stack(chosen), shares(uniform("J_w", _NUM_JOINTS, 8) + 0.1))
    weights = torch.zeros(NUM_VERTICES, _NUM_JOINTS)
    order = uniform("W_idx", NUM_VERTICES, _NUM_JOINTS).argsort(dim=1, stable=True)
    weights.scatter_(1, order[:, :4], shares(uniform("W_w", NUM_VERTICES, 4) + 0.1))
    arrays = {
        "v_template": 0.3 * normal("v_template", NUM_VERTICES, 3),
        "shapedirs": 0.01 * normal("shapedirs", NUM_VERTICES, 3, 20),
        "posedirs": 0.001 * normal("posedirs", NUM_VERTICES, 3, 486),
        "J_regressor": regressor,
        "weights": weights,
        "hands_componentsl": torch.eye(45),
        "hands_componentsr": torch.eye(45),
        "hands_meanl": 0.1 * normal("hands_meanl", 45),
        "hands_meanr": 0.1 * normal("hands_meanr", 45),
        "lmk_bary_coords": shares(uniform("lmk_bary", 51, 3) + 0.1),
        "dynamic_lmk_bary_coords": shares(uniform("dyn_bary", 79, 17, 3) + 0.1),
    }
    indices = {
        "f": whole("f", NUM_VERTICES, _NUM_FACES, 3),
        "lmk_faces_idx": whole("lmk_faces", _NUM_FACES, 51),
        "dynamic_lmk_faces_idx": whole("dyn_faces", _NUM_FACES, 79, 17),
        "kintree_table": np.array([(2**32 - 1, *_PARENTS[1:]), range(_NUM_JOINTS)], np.int64),
    }
    floats = {key: array.numpy().astype(np.float32) for key, array in arrays.items()}
    np.savez(path, allow_pickle=False, **floats, **indices)
    return path
