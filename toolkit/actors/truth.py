"""What is true of a clip of actors: masks, empty scene, joints, camera; one npz file a clip.

Shape suffixes: P people, T frames, H height, W width, C colours (RGB), J the 22 SMPL-X body joints
(``toolkit.m2m.skeleton``). Camera space is OpenCV's: x right, y down, z forward, metres.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from toolkit.errors import InputError
from toolkit.files import check_out, make_folder, write_output
from toolkit.m2m.types import Array


@dataclass(frozen=True)
class Truth:
    """What is true of a clip of actors.

    Attributes:
        fps: frames per second.
        visible_PTHW: bool, where a person covers more than half of the pixel and is seen. What they
            hold belongs to them.
        amodal_PTHW: bool, the same if nothing stood in front of them.
        foreground_THW: bool, where an object of the scene covers somebody.
        background_THWC: uint8, the same scene without people; [1, H, W, C] before a still camera.
        joints_PTJ3: float32, m, in the camera space of each frame.
        local_PTJ33: float32, rotation of each joint in its parent's frame, that of the pelvis in
            the world (x right, y up, z towards the camera).
        camera_4: fx, fy, cx, cy, px.
        rotation_T33, translation_T3: from the world to the camera space of each frame.
        order_PT: int, by depth of the pelvis: 0 is the nearest person.
        occlusion_PT: float32, share of the amodal mask that is hidden.
        info: clip_id, action, seed, scene, camera, and ``people``: their phenotypes.
    """

    fps: float
    visible_PTHW: Array
    amodal_PTHW: Array
    foreground_THW: Array
    background_THWC: Array
    joints_PTJ3: Array
    local_PTJ33: Array
    camera_4: Array
    rotation_T33: Array
    translation_T3: Array
    order_PT: Array
    occlusion_PT: Array
    info: Mapping[str, Any]

    def background_HWC(self, index: int) -> Array:
        """Return the empty scene of one frame, [H, W, 3] uint8."""
        background_HWC: Array = self.background_THWC[min(index, len(self.background_THWC) - 1)]
        return background_HWC


def write_truth(truth: Truth, path: Path) -> None:
    """Write an npz file; its folder is made where there is none.

    Raises:
        InputError: ``path`` cannot be written.
    """
    make_folder(path.parent)
    check_out(path)
    arrays = {field.name: getattr(truth, field.name) for field in fields(Truth)}
    arrays["info"] = json.dumps(arrays["info"], sort_keys=True)
    with write_output(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_truth(path: Path) -> Truth:
    """Read what ``write_truth`` wrote.

    Raises:
        InputError: the file is missing or is no truth of a clip.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {field.name: file[field.name] for field in fields(Truth)}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(
            f"{path} is not the truth of an actor's clip ({type(error).__name__}): "
            "make one with  m2m actors generate"
        ) from error
    values["info"] = json.loads(str(values["info"]))
    values["fps"] = float(values["fps"])
    return Truth(**values)
