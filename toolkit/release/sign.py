"""Signatures of releases, with a key of one's own, in the format of OpenSSF model signing.

``release.sig`` signs SHA256SUMS, which has a digest of every other file: so a signature holds for
a download of some shards too, and checking it reads no shard twice. Whoever has the private key can
sign; whoever has the public key can tell that nobody else did. A public key that came along with
the release proves nothing: it must come another way.
"""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from toolkit.errors import InputError
from toolkit.files import check_source, write_output

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_PUBLIC_SUFFIX = ".pub"


class SignatureError(InputError):
    """A signature is missing, or is not one of this file by this key."""


def make_signing_key(path: Path) -> Path:
    """Make a key pair (ECDSA, P-256, PEM); returns the file of the public key, ``path`` + ``.pub``.

    The private key is not encrypted, and only its owner may read it.

    Raises:
        InputError: one of the two files is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public_path = path.with_name(path.name + _PUBLIC_SUFFIX)
    for file in (path, public_path):
        if file.exists():
            raise InputError(f"{file} is there already, and a key is never replaced: name another")
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(private)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): name another") from error
    with write_output(public_path) as partial:
        partial.write_bytes(_make_public(key))
    return public_path


def _make_public(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def sign_file(file: Path, signature: Path, private_key: Path) -> None:
    """Write a signature of one file.

    Raises:
        InputError: the file cannot be read, or the key is no private key of an elliptic curve.
    """
    signing = _import_signing().signing
    check_source(file)
    check_source(private_key)
    with TemporaryDirectory() as place:
        shutil.copyfile(file, Path(place, file.name))
        try:
            signer = signing.Config().use_elliptic_key_signer(private_key=private_key)
        except Exception as error:
            raise InputError(
                f"{private_key} is no private key that this can sign with: make one with  m2m "
                "release signing-key"
            ) from error
        with write_output(signature) as partial:
            signer.sign(Path(place), partial)


def verify_file(file: Path, signature: Path, public_key: Path) -> None:
    """Check that a signature is of this file, and by this key.

    Raises:
        InputError: the key cannot be read.
        SignatureError: it is not.
    """
    verifying = _import_signing().verifying
    check_source(public_key)
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except Exception as error:
        raise InputError(
            f"{public_key} is no public key of a signature: name the .pub file of who signed"
        ) from error
    if not signature.is_file():
        raise SignatureError(f"{file.name} is not signed: there is no {signature.name}")
    with TemporaryDirectory() as place:  # alone: the signature must be of this and nothing else
        shutil.copyfile(file, Path(place, file.name))
        try:
            verifier.verify(Path(place), signature)
        except Exception as error:
            raise SignatureError(
                f"{signature.name} is no signature of {file.name} by {public_key.name}"
            ) from error


def _import_signing() -> Any:  # noqa: ANN401 - a package
    try:
        import model_signing
    except ImportError as error:
        raise InputError(f"signatures need {error.name}: pip install 'm2m-toolkit[hub]'") from error
    return model_signing
