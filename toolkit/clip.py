"""A clip's id: the name it goes by in every file, table and tar of a release."""

import hashlib
import re
from pathlib import PurePosixPath

CLIP_ID_RULE = "1 to 80 of the characters A-Z, a-z, 0-9, _ and -"
"""No dot, because a dot ends the key of a WebDataset sample; nothing that a path or shell reads;
and short enough for a name in a tar, with room for the extension."""

_CLIP_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_MAX_SLUG = 64


def is_clip_id(text: str) -> bool:
    """Tell whether ``text`` keeps to ``CLIP_ID_RULE``."""
    return _CLIP_ID.fullmatch(text) is not None


def make_clip_id(youtube_id: str, start_s: int, end_s: int) -> str:
    """Return the id, and stem of the file name, that Kinetics gives a clip."""
    return f"{youtube_id}_{start_s:06d}_{end_s:06d}"


def derive_clip_id(path: str) -> str:
    """Return the id of a file of any name: what is readable of it, and a hash that tells it apart.

    It depends on nothing but ``path``, so other files that come or go do not change it.

    Args:
        path: relative to the root of the source, with ``/`` between its parts.
    """
    slug = (
        re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(path).stem).strip("-")[:_MAX_SLUG] or "clip"
    )
    # A name that is not UTF-8 has its odd bytes as surrogates, and these are hashed as they are.
    return f"{slug}-{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
