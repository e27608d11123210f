"""Somebody else on another machine: folders, token and processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hub.handler import TOKEN
from tests.hub.server import Hub

_READ = """
import hashlib, json, pathlib, sys
from datasets import Video, load_dataset
from toolkit.video import read_frames

found = {}
for split in ("train", "val"):
    clips = load_dataset(sys.argv[1], revision=sys.argv[2], split=split, streaming=True)
    for clip in clips.cast_column("mp4", Video(decode=False)):
        path = pathlib.Path("clip.mp4")
        path.write_bytes(clip["mp4"]["bytes"])
        frames = hashlib.sha256(b"".join(frame().tobytes() for frame in read_frames(path)))
        shard = found.setdefault(clip["__url__"].rpartition("/")[2], {})
        shard[clip["json"]["clip_id"]] = frames.hexdigest()
print(json.dumps(found))
"""


def make_environment(hub: Hub, home: Path) -> dict[str, str]:
    """Return the variables of a user whose home is a folder, and whose Hub is the one of tests."""
    (home / "hf").mkdir(parents=True, exist_ok=True)
    (home / "hf/token").write_text(TOKEN)
    return {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "USE_TORCH": "0",
        "XDG_DATA_HOME": str(home / "data"),
    }


def read_by_datasets(
    repo: str, tag: str, environment: dict[str, str], folder: Path
) -> dict[str, dict[str, str]]:
    """Stream a tag by ``datasets``; shard to clip to the sha256 of its frames."""
    run = subprocess.run(
        [sys.executable, "-c", _READ, repo, tag],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
