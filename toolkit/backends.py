"""Registry of backends: one name per kind, loaded when first asked for.

Kinds are the steps of the method (``mask``, ``inpaint``, ``recover``, ``body``, ``render``), and
``encoder``, which K-NEXUS embeds frames with.
Other packages add their own through the entry-point group ``m2m.backends`` with names of the form
``kind.name``.
"""

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from toolkit.errors import BackendError

_BACKENDS: dict[tuple[str, str], tuple[str, str]] = {}

_REMEDIES = {
    "detectron2": "build it as https://detectron2.readthedocs.io/tutorials/install.html  says (it "
    "has no wheel for a recent PyTorch), or use maskrcnn-r101, the same network without it"
}
"""What helps where a package is missing that no extra brings."""


def register(kind: str, name: str, target: str, extra: str = "offline") -> None:
    """Make ``target`` ("module:attribute") known as backend ``name`` of ``kind``.

    ``extra`` is the pip extra of m2m-toolkit that brings its dependencies.
    """
    _BACKENDS[kind, name] = (target, extra)


def names(kind: str) -> list[str]:
    """Return the names of the backends of one kind, sorted."""
    found = {name for known_kind, name in _BACKENDS if known_kind == kind}
    prefix = f"{kind}."
    found |= {
        point.name.removeprefix(prefix)
        for point in entry_points(group="m2m.backends")
        if point.name.startswith(prefix)
    }
    return sorted(found)


def get(kind: str, name: str) -> Any:  # noqa: ANN401 - the Protocol differs by kind
    """Return the class or function that implements backend ``name`` of ``kind``.

    Raises:
        BackendError: the name is unknown, or a module it imports is not installed.
    """
    if (kind, name) in _BACKENDS:
        target, extra = _BACKENDS[kind, name]
        module_name, _, attribute = target.partition(":")
        try:
            return getattr(import_module(module_name), attribute)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            remedy = _REMEDIES.get(package, f"run  pip install 'm2m-toolkit[{extra}]'")
            raise BackendError(_missing(kind, name, error, remedy)) from error
    for point in entry_points(group="m2m.backends", name=f"{kind}.{name}"):
        try:
            return point.load()
        except ModuleNotFoundError as error:
            remedy = f"run  pip install {error.name}"
            raise BackendError(_missing(kind, name, error, remedy)) from error
    raise BackendError(
        f"unknown {kind} backend '{name}': choose one of {', '.join(names(kind)) or '(none)'}"
    )


def _missing(kind: str, name: str, error: ModuleNotFoundError, remedy: str) -> str:
    return (
        f"{kind} backend '{name}' needs the Python package '{error.name}', which is not "
        f"installed: {remedy}"
    )


register("mask", "blazepose", "toolkit.adapters.blazepose:BlazePoseMasker")
register("mask", "maskrcnn-r101", "toolkit.adapters.maskrcnn:MaskRCNNMasker", extra="paper")
register("mask", "maskrcnn-r101-lsj", "toolkit.adapters.maskrcnn:MaskRCNNLsjMasker", extra="paper")
register("mask", "torchvision", "toolkit.adapters.torchvision_maskrcnn:TorchvisionMasker", "masks")
register("mask", "detectron2", "toolkit.adapters.detectron2_maskrcnn:Detectron2Masker", "paper")
register("mask", "sam2", "toolkit.adapters.sam2:Sam2Masker", "masks")
register("inpaint", "e2fgvi", "toolkit.adapters.e2fgvi:E2FGVIInpainter", extra="paper")
register("inpaint", "e2fgvi_hq", "toolkit.adapters.e2fgvi:E2FGVIHQInpainter", extra="paper")
register("inpaint", "flow", "toolkit.adapters.flow:FlowInpainter")
register("inpaint", "navier_stokes", "toolkit.adapters.navier_stokes:NavierStokesInpainter")
register("inpaint", "none", "toolkit.adapters.navier_stokes:NoInpainter")
register("recover", "blazepose_fit", "toolkit.adapters.blazepose_fit:BlazePoseFit")
register("body", "anny-female", "toolkit.adapters.anny:make_female", extra="actors")
register("body", "anny-male", "toolkit.adapters.anny:make_male", extra="actors")
register("body", "anny-neutral", "toolkit.adapters.anny:make_neutral", extra="actors")
register("recover", "osx", "toolkit.adapters.osx:OsxRecoverer", extra="paper")
register("recover", "osx-smooth", "toolkit.adapters.osx:SmoothOsxRecoverer", extra="paper")
register("body", "smplx-neutral", "toolkit.adapters.smplx_body:SmplxBody", extra="paper")
register("body", "smplx-male", "toolkit.adapters.smplx_body:MaleSmplxBody", extra="paper")
register("body", "smplx-female", "toolkit.adapters.smplx_body:FemaleSmplxBody", extra="paper")
register("body", "mannequin", "toolkit.adapters.mannequin:MannequinBody")
register("render", "pyrender", "toolkit.adapters.pyrender:PyrenderRenderer")
register("encoder", "efficientnet-lite0", "toolkit.adapters.efficientnet:EfficientNetLite0")
