"""The page on which people look at clips and decide: one HTML file, and the videos beside it."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import InputError
from toolkit.files import make_folder, write_output
from toolkit.manifest import ManifestRow
from toolkit.review.media import Built, find_rows, make_media
from toolkit.review.sample import Pick

_HTML, _SCRIPT = (Path(__file__).with_name(name) for name in ("page.html", "page.js"))


def write_review_page(
    folder: Path,
    rows: Sequence[ManifestRow],
    picks: Sequence[Pick],
    out: Path,
    built: Built | None,
    advance: Callable[[int], None],
    *,
    name: str,
    with_source: bool,
) -> None:
    """Write OUT/index.html and the clips' videos in OUT/media.

    A video that is there already is kept: the name has the digest of its sample.

    Args:
        folder: of the release.
        rows: of its manifest.
        picks: the clips, in the order in which they are shown.
        out: the folder to write.
        built: the project, for masks and source.
        advance: called with the number of clips just finished.
        name: of the release.
        with_source: whether the page shows the people filmed.

    Raises:
        ToolkitError: a clip is not there, or cannot be written.
    """
    if with_source and not built:
        raise InputError("--with-source needs the sources: name with --project where it was built")
    media = out / "media"
    make_folder(media)
    clips = []
    for row, pick in zip(find_rows(rows, [p.clip_id for p in picks]), picks, strict=True):
        shown = {}
        for kind, video in make_media(folder, row, built, with_source=with_source):
            file = media / f"{row.clip_id}.{hashlib.sha256(video).hexdigest()[:12]}.{kind}.mp4"
            if not file.exists():
                with write_output(file) as partial:
                    partial.write_bytes(video)
            shown[kind] = f"media/{file.name}"
        clips.append(_describe(row, pick, shown))
        advance(1)
    data = {
        "release": name,
        "version": __version__,
        "withSource": with_source,
        "clips": clips,
        "digest": hashlib.sha256(json.dumps(clips, sort_keys=True).encode()).hexdigest()[:16],
    }
    with write_output(out / "index.html") as partial:
        partial.write_text(_fill(data), "utf-8")


def _describe(row: ManifestRow, pick: Pick, media: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.clip_id,
        "sha": row.sample_sha256,
        "label": row.label,
        "status": row.status,
        "stratum": pick.stratum,
        "because": pick.because,
        "frames": row.num_frames,
        "fps": row.fps,
        "media": media,
        "checks": [
            {
                "name": check.name,
                "value": check.value if math.isfinite(check.value) else None,
                "limit": check.limit,
                "passed": check.passed,
                "severity": check.severity,
                "frame": check.worst_frame,
                "box": check.worst_box,
            }
            for check in row.checks
        ],
    }


def _fill(data: dict[str, Any]) -> str:
    """Return the page: no name of a clip or a class can become markup or a script in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    script = _SCRIPT.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _HTML.read_text("utf-8")
    for mark, content in (("{{digest}}", digest), ("{{script}}", script), ("{{data}}", text)):
        page = page.replace(mark, content)
    return page
