"""Signatures: whose, of what, and keys that nobody else can read."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.conftest import Release
from toolkit.errors import InputError
from toolkit.release.sign import SignatureError, make_signing_key, sign_file, verify_file


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """A file to sign."""
    path = tmp_path / "SHA256SUMS"
    path.write_text(f"{'a' * 64}  README.md\n")
    return path


def test_a_signature_holds_for_one_file_and_one_key(sums: Path, tmp_path: Path) -> None:
    """The file changed, another file, another key, another signature: each is told."""
    public, other = (make_signing_key(tmp_path / name) for name in ("key", "other"))
    signature = tmp_path / "release.sig"
    with pytest.raises(SignatureError, match="SHA256SUMS is not signed"):
        verify_file(sums, signature, public)
    sign_file(sums, signature, tmp_path / "key")
    verify_file(sums, signature, public)
    with pytest.raises(SignatureError, match=r"by other\.pub"):
        verify_file(sums, signature, other)
    renamed = shutil.copy(sums, tmp_path / "withdrawn.json")
    with pytest.raises(SignatureError, match="no signature of withdrawn"):
        verify_file(renamed, signature, public)
    sums.write_text(f"{'b' * 64}  README.md\n")
    for content in (signature.read_bytes(), b"{}", b"\xff"):
        signature.write_bytes(content)
        with pytest.raises(SignatureError, match="is no signature of SHA256SUMS"):
            verify_file(sums, signature, public)


def test_keys(run_m2m, tmp_path: Path, sums: Path) -> None:
    """Only the owner may read the private one; neither file is ever replaced."""
    run = run_m2m("release", "signing-key", "key", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in (tmp_path / "key.pub").read_text() + run.stdout
    for name in ("key", "key.pub"):
        kept = (tmp_path / name).read_bytes()
        run = run_m2m("release", "signing-key", "key", cwd=tmp_path)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)
        assert (tmp_path / name).read_bytes() == kept
        (tmp_path / "key").unlink(missing_ok=True)
    with pytest.raises(InputError, match="is no private key"):
        sign_file(sums, tmp_path / "x.sig", sums)
    with pytest.raises(InputError, match="is no public key"):
        verify_file(sums, tmp_path / "x.sig", sums)


def test_the_official_tool_agrees(release: Release, tmp_path: Path) -> None:
    """Other people need no toolkit of ours: ``model_signing verify key``."""
    make_signing_key(tmp_path / "key")
    folder = release.folder
    sign_file(folder / "SHA256SUMS", folder / "release.sig", tmp_path / "key")
    program = [sys.executable, "-c", "from model_signing._cli import main; main()"]
    words = ["verify", "key", str(folder), "--signature", str(folder / "release.sig")]
    words += ["--public_key", str(tmp_path / "key.pub"), "--ignore_unsigned_files"]
    run = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (folder / "SHA256SUMS").write_text("")
    assert subprocess.run([*program, *words], capture_output=True, check=False).returncode
