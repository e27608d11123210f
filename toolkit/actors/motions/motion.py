"""What a motion is: rotations of the SMPL-X joints and a path of the pelvis.

Shape suffixes: T frames, J the 22 body joints. World: x right, y up (floor 0), z to the camera, m.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.m2m.skeleton import pose_joints
from toolkit.m2m.types import Array


@dataclass(frozen=True)
class Motion:
    """What one person does.

    Attributes:
        local_TJ33: rotation of each joint in its parent's frame, that of the pelvis in the world.
        pelvis_T3: place of the pelvis joint, m.
        held: name of a prop to its pose [T, 4, 4] in the world, for what the person has in hand.
            Their meshes are those of ``toolkit.actors.scenes.prop_mesh``.
    """

    local_TJ33: Array
    pelvis_T3: Array
    held: Mapping[str, Array]

    def placed(self, place_3: Array, heading: float) -> "Motion":
        """Turn about the world's y axis (rad, + to the person's left), then shift (m)."""
        move_44 = np.eye(4)
        move_44[:3, :3] = Rotation.from_euler("y", heading).as_matrix()
        move_44[:3, 3] = place_3
        local_TJ33 = self.local_TJ33.copy()
        local_TJ33[:, 0] = move_44[:3, :3] @ local_TJ33[:, 0]
        return Motion(
            local_TJ33,
            self.pelvis_T3 @ move_44[:3, :3].T + move_44[:3, 3],
            {name: move_44 @ pose_T44 for name, pose_T44 in self.held.items()},
        )

    def joints(self, rest_J3: Array) -> Array:
        """Return the joints in the world, [T, 22, 3] m, of a body with these joints at rest."""
        joints_TJ3, _ = pose_joints(self.local_TJ33, rest_J3)
        return np.asarray(joints_TJ3 + self.pelvis_T3[:, None])
