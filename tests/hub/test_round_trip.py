"""A release from its project to the Hub, and from there to somebody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hub.conftest import NAME, M2m, git
from tests.hub.handler import TOKEN
from tests.hub.server import Hub
from tests.registry_box import assert_same_tree


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
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "USE_TORCH": "0",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
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
    assert read_by_datasets(repo, environment, tmp_path) == {
        path.name: [json.loads(part)["clip_id"] for part in parts_of(path)]
        for path in sorted((got / "data").glob("*.tar"))
    }
    assert TOKEN not in "".join(
        p.read_text("utf-8", "replace") for p in tmp_path.glob("data/**/*.json")
    )


def parts_of(shard: Path) -> list[bytes]:
    """The JSON of each clip in a shard."""
    from toolkit.shards import read_shard

    return [sample.parts["json"] for sample in read_shard(shard)]


def read_by_datasets(repo: str, environment: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """Stream a tag by ``datasets``, in a process of its own; shard to the ids of its clips."""
    program = """
import json, sys
from datasets import Video, load_dataset

found = {}
for split in ("train", "val"):
    clips = load_dataset(sys.argv[1], revision="v1.0.0", split=split, streaming=True)
    for clip in clips.cast_column("mp4", Video(decode=False)):
        assert len(clip["mp4"]["bytes"]) > 500
        found.setdefault(clip["__url__"].rpartition("/")[2], []).append(clip["json"]["clip_id"])
print(json.dumps(found))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, repo],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
