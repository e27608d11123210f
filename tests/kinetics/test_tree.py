"""Sources: what is found in trees and tars, and what must not be followed."""

import io
import os
import tarfile

import pytest

from toolkit.errors import InputError, TruncatedError
from toolkit.kinetics.tree import list_source, open_content

CONTENT = b"not a video, but that is for others to find out"


def write_tar(path, *members):
    """Write members: a name with content, or a ``TarInfo`` without."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member)
                info.size = len(CONTENT)
                tar.addfile(info, io.BytesIO(CONTENT))
    return path


def make_member(name, kind, link=""):
    """Make a member that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def write(path, content=CONTENT):
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def problems(source):
    """Return the findings by name."""
    return {str(file.name): (file.problem, file.detail) for file in source.files if file.problem}


def test_a_tree_is_listed_at_any_depth(tmp_path):
    """Flat, in class folders, below splits; what is no video by its name is counted only."""
    for name in ("b.mp4", "wave/a.MKV", "train/wave/c.webm", "train/wave/notes.txt", ".d.mp4"):
        write(tmp_path / name)
    write(tmp_path / ".git/e.mp4")
    source = list_source(tmp_path)
    assert [(file.path, file.folder) for file in source.files] == [
        ("b.mp4", ""),
        ("train/wave/c.webm", "wave"),
        ("wave/a.MKV", "wave"),
    ]
    assert source.num_others == 2
    assert {file.size_bytes for file in source.files} == {len(CONTENT)}


def test_members_of_a_tar_are_listed_and_read(tmp_path):
    """A tar in a tree, or a tar alone; a member is read into a file that has no name."""
    names = ("./wave/a.mp4", "b.mp4", "wave/" + "long" * 60 + ".mp4", "notes.txt")
    tar = write_tar(tmp_path / "part_0.tar", make_member("./wave", tarfile.DIRTYPE), *names)
    for path in (tmp_path, tar):
        source = list_source(path)
        assert [(file.member, file.folder) for file in source.files] == [
            ("wave/a.mp4", "wave"),
            ("b.mp4", ""),
            (names[2], "wave"),
        ]
        assert source.num_others == 2
        for file in source.files:
            assert file.path == "part_0.tar"
            with open_content(source.root, file) as content:
                assert content.read_bytes() == CONTENT
                assert content.stat().st_nlink == 0


@pytest.mark.parametrize(
    ("member", "detail"),
    [
        ("/etc/a.mp4", "leads out of the tar"),
        ("../a.mp4", "leads out of the tar"),
        ("wave/../../a.mp4", "leads out of the tar"),
        (make_member("a.mp4", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (make_member("a.mp4", tarfile.LNKTYPE, "b.mp4"), "no plain file"),
        (make_member("a.mp4", tarfile.CHRTYPE), "no plain file"),
        (make_member("a.mp4", tarfile.FIFOTYPE), "no plain file"),
        (make_member("wave", tarfile.SYMTYPE, "/"), "no plain file"),
        ("\udcff.mp4", "not UTF-8"),
    ],
)
def test_hostile_members_are_found_and_never_read(tmp_path, member, detail):
    """Each is listed with its reason; the plain member beside it is fine."""
    write_tar(tmp_path / "part.tar", member, "good.mp4")
    source = list_source(tmp_path)
    ((name, (problem, found)),) = problems(source).items()
    assert problem == "unsafe"
    assert detail in found
    name.encode()
    assert [file.member for file in source.files if not file.problem] == ["good.mp4"]


def test_a_sparse_member_is_not_read(tmp_path):
    """Its stored bytes are not its content."""
    info = tarfile.TarInfo("a.mp4")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1000000000000"}
    write_tar(tmp_path / "part.tar", info)
    ((problem, detail),) = problems(list_source(tmp_path)).values()
    assert problem == "unsafe"
    assert "holes" in detail


@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (lambda data: data[: 512 + 20], "unexpected end of data"),
        (lambda data: data[:1024], "no header and no end mark at byte 1024"),
        (lambda data: data[:1024] + b"x" * 512 + data[1536:], "no header and no end mark"),
        (lambda data: data[:1024] + b"\1" * 100, "end mark at byte 1024"),
        (lambda _: b"", "empty file"),
        (lambda _: b"no tar at all" * 100, "invalid header"),
    ],
)
def test_a_tar_that_is_cut_or_damaged_is_a_finding(tmp_path, damage, detail):
    """Members before the damage are listed; those behind it are not lost in silence."""
    tar = write_tar(tmp_path / "part.tar", "a.mp4", "b.mp4")
    tar.write_bytes(damage(tar.read_bytes()))
    source = list_source(tmp_path)
    problem, found = problems(source)["part.tar"]
    assert problem == "unreadable"
    assert detail in found


def test_a_member_that_its_tar_cuts_off(tmp_path):
    """Reading it fails as a cut-off video does."""
    tar = write_tar(tmp_path / "part.tar", "a.mp4")
    tar.write_bytes(tar.read_bytes()[: 512 + 20])
    source = list_source(tmp_path)
    (file,) = [file for file in source.files if file.member]
    with (
        pytest.raises(TruncatedError, match=r"part.tar ends within the member a.mp4"),
        open_content(tmp_path, file),
    ):
        pass


def test_links_are_followed_within_the_tree_only(tmp_path):
    """Links to folders never, for their files are seen where they are."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(outside / "secret.mp4")
    write(root / "wave/a.mp4")
    (root / "wave/inside.mp4").symlink_to("a.mp4")
    (root / "wave/out.mp4").symlink_to(outside / "secret.mp4")
    (root / "wave/nowhere.mp4").symlink_to("gone.mp4")
    (root / "wave/loop.mp4").symlink_to("loop.mp4")
    (root / "outside").symlink_to(outside)
    (root / "again").symlink_to("wave")
    (root / "round").symlink_to(root)
    source = list_source(root)
    assert [file.path for file in source.files if not file.problem] == [
        "wave/a.mp4",
        "wave/inside.mp4",
    ]
    found = problems(source)
    assert {name: detail.split(":")[0] for name, (_, detail) in found.items()} == {
        "outside": "a link that leads out of the source",
        "wave/loop.mp4": "a link that leads nowhere",
        "wave/nowhere.mp4": "a link that leads nowhere",
        "wave/out.mp4": "a link that leads out of the source",
    }


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    """A pipe would be waited for, for ever; a name that is not UTF-8 could not be stored."""
    os.mkfifo(tmp_path / "pipe.mp4")
    write(tmp_path / "\udcff.mp4")
    found = problems(list_source(tmp_path))
    assert found["pipe.mp4"] == ("unsafe", "not a regular file")
    assert found["\\udcff.mp4"][0] == "unsafe"


def test_compressed_tars_are_named(tmp_path):
    """Beside others a finding; alone an error that says what to do."""
    packed = write(tmp_path / "part.tar.gz")
    assert problems(list_source(tmp_path))["part.tar.gz"][0] == "unreadable"
    with pytest.raises(InputError, match="uncompress it first"):
        list_source(packed)


def test_a_source_must_be_there(tmp_path):
    """Neither a folder nor a tar: one line."""
    with pytest.raises(InputError, match="neither a folder nor a "):
        list_source(tmp_path / "gone")
