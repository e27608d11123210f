"""A release from its project to the Hub, and from there to somebody else."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.hub.conftest import NAME, M2m, git
from tests.hub.elsewhere import make_environment, read_by_datasets
from tests.hub.handler import TOKEN
from tests.hub.server import Hub
from tests.registry_box import assert_same_tree
from toolkit import load_release
from toolkit.shards import read_index


def test_there_and_back(hub: Hub, repo: str, project: Path, m2m: M2m, tmp_path: Path) -> None:
    """Publish, tag, download in another process and folder, verify, audit, and read by datasets."""
    m2m("release", "signing-key", "key", cwd=tmp_path)
    key, public = str(tmp_path / "key"), str(tmp_path / "key.pub")
    said = m2m("publish", f"{NAME}@v1.0.0", repo, "--key", key, cwd=project)
    assert f"{repo} v1.0.0 is commit" in said
    assert f"{NAME}#published#1" in git(project, "tag")
    refs = hub.refs(repo)
    assert sorted(refs) == ["refs/heads/main", "refs/tags/v1.0.0"]
    assert refs["refs/heads/main"] == refs["refs/tags/v1.0.0"]
    assert (hub.path(repo) / ".git/private").read_text() == "private"
    environment = make_environment(hub, tmp_path / "other")
    words = ["download", f"{repo}@v1.0.0", "--to", "got", "--public-key", public]
    run = subprocess.run(
        [sys.executable, "-c", "from toolkit.cli import main; main()", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    got = tmp_path / "got"
    origin = json.loads((got / "download.json").read_text())
    assert origin["commit"] == refs["refs/tags/v1.0.0"]
    assert "signed with the key of key.pub" in m2m(
        "verify", "got", "--public-key", public, cwd=tmp_path
    )
    m2m("audit", "got", cwd=tmp_path)
    for name in ("download.json", "release.sig"):
        (got / name).unlink()
    assert_same_tree(project / f"release/{NAME}", got)
    clips = load_release(got, "1.0.0", "train", streaming=False)
    frames = {clip.clip_id: sha256(clip.frames_THWC.tobytes()).hexdigest() for clip in clips}
    streamed = read_by_datasets(repo, "v1.0.0", environment, tmp_path)
    assert {name: list(ids) for name, ids in streamed.items()} == {
        path.name: read_index(path).keys for path in sorted((got / "data").glob("*.tar"))
    }
    of_train = [ids for name, ids in streamed.items() if name.startswith("train")]
    assert {clip: digest for ids in of_train for clip, digest in ids.items()} == frames
    assert TOKEN not in "".join(
        p.read_text("utf-8", "replace") for p in tmp_path.glob("other/data/**/*.json")
    )
