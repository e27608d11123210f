"""Files of weights for the paper's profile that know nothing, under the official names."""

import pickle
from pathlib import Path

import torch

from tests.golden import fill_weights
from tests.smplx_file import write_smplx
from toolkit import models
from toolkit.adapters.e2fgvi.network import E2FGVI
from toolkit.adapters.maskrcnn.network import MaskRCNN
from toolkit.adapters.osx.network import NO_DECODER, OSX

STUBS = ["e2fgvi_hq", "mask_rcnn_R_101_FPN_3x", "osx_l", "smplx_neutral"]


def write_stubs(folder: Path) -> None:
    """Write a file for each of ``STUBS``, filled by lot."""
    detector = MaskRCNN()
    fill_weights(detector, "stub", override=[("backbone.bottom_up.*.norm.weight", "mul", 0.2)])
    arrays = {key: entry.numpy() for key, entry in detector.state_dict().items()}
    (folder / "model_final_a3ec72.pkl").write_bytes(pickle.dumps({"model": arrays}, protocol=2))
    inpainter = E2FGVI(is_hq=True)
    fill_weights(inpainter, "stub", ("update_spynet.mean", "update_spynet.std"))
    torch.save(inpainter.state_dict(), folder / "E2FGVI-HQ-CVPR22.pth")
    recoverer = OSX(NO_DECODER, 768)
    fill_weights(recoverer, "stub")
    weights = {f"module.{key}": entry for key, entry in recoverer.state_dict().items()}
    torch.save({"network": weights}, folder / "osx_l.pth.tar")
    write_smplx(folder / "SMPLX_NEUTRAL.npz")


def link_offline(cache: Path) -> None:
    """Make the offline profile's weights known in another cache."""
    cache.mkdir()
    for name in models.names_of_profile("offline"):
        (cache / models.locate(name).name).symlink_to(models.locate(name))
