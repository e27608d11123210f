"""Profiles: which backend does each step of the method."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from toolkit.errors import ConfigError


@dataclass(frozen=True)
class Profile:
    """Names of the backends of a run (``toolkit.backends``)."""

    mask: str
    inpaint: str
    recover: str
    body: str
    render: str


_PROFILES = {
    "offline": Profile("blazepose", "flow", "blazepose_fit", "mannequin", "pyrender"),
    "permissive": Profile("torchvision", "flow", "blazepose_fit", "mannequin", "pyrender"),
    "paper": Profile("maskrcnn-r101", "e2fgvi_hq", "osx", "smplx-neutral", "pyrender"),
}


def load_profile(name: str, **steps: str | None) -> Profile:
    """Return a profile, with another backend for each step where one is named.

    Raises:
        ConfigError: no such profile.
    """
    if name not in _PROFILES:
        raise ConfigError(f"unknown profile '{name}': choose one of {', '.join(sorted(_PROFILES))}")
    return replace(_PROFILES[name], **{kind: step for kind, step in steps.items() if step})


def config_hash(profile: Profile, **settings: Mapping[str, object] | object) -> str:
    """Return the sha256 of everything that decides the result, apart from the source's pixels."""
    values = {"profile": asdict(profile), **settings}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
