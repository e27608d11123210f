"""Names for clips that do not lead back to a source, but for whoever holds the key."""

import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import check_source

_ID_DIGITS = 20
_KEY = re.compile(r"(?:[0-9a-fA-F]{2}){16,512}")
_MAX_KEY_FILE_BYTES = 2048


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed hashes: the same key gives the same names in every release.

    Attributes:
        key: secret; whoever has it can tell whether a known clip is in a release.
    """

    key: bytes = field(repr=False)

    @classmethod
    def from_file(cls, path: Path) -> "Pseudonyms":
        """Read a key: one line of 32 or more hex digits, two for each byte.

        Raises:
            InputError: there is no such file, or it holds something else. The message does not
                say what, for it may be a key with a slip in it.
        """
        advice = f"make one with  m2m release key {path}"
        if not path.exists():
            raise InputError(f"{path}: there is no file with a key: {advice}")
        check_source(path)
        with path.open("rb") as file:
            text = file.read(_MAX_KEY_FILE_BYTES).decode("ascii", "replace").strip()
        if not _KEY.fullmatch(text):
            raise InputError(
                f"{path}: a key is one line of at least 32 hex digits, an even number of them, and "
                f"this is none: {advice}"
            )
        return cls(bytes.fromhex(text))

    def apart(self, name: str) -> "Pseudonyms":
        """Return other names for the same clips, which do not lead to these."""
        return Pseudonyms(hmac.digest(self.key, name.encode(), "sha256"))

    def publish(self, clip_id: str) -> str:
        """Return the id under which a clip is published."""
        return self._hash(clip_id)[:_ID_DIGITS]

    def digest(self, sha256_hex: str) -> str:
        """Return the keyed digest that stands for a private file's sha256."""
        return self._hash(sha256_hex)

    def _hash(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(), "sha256").hex()
