"""How fast a release is verified, beside what sha256 alone does over the same bytes.

    python -m benchmarks.speed verify [--json F] [--megabytes N] [--shards S] [--repeats R]

A release of random clips is written to a temporary folder; then ``m2m verify``'s own function and
hashlib's sha256 of the same files, in turn, the best of some runs each: so both find the files in
memory, which is when the rest would show most. Verifying hashes on two threads; what processor time
each takes is told too.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from toolkit.manifest import ChainLink, CheckValue, ManifestRow, count_clips, write_manifest
from toolkit.qa.checks import load_limits
from toolkit.release.provenance import make_statement, write_statement
from toolkit.release.sums import hash_file, list_files, write_sums
from toolkit.release.verify import verify
from toolkit.shards import Sample, shard_name, write_shard

CLIP_BYTES = 400_000
"""About what a clip of ten seconds at 432x240 has."""


def write_release(folder: Path, num_shards: int, clips_per_shard: int) -> None:
    """Write a release of random bytes that verifies."""
    (folder / "data").mkdir()
    rng, rows = np.random.default_rng(0), []
    for shard in range(num_shards):
        name = shard_name("train", shard, num_shards)
        samples = [
            Sample(
                f"{shard * clips_per_shard + number:020x}",
                {"mp4": rng.bytes(CLIP_BYTES), "json": b"{}" * 100, "cls": b"0"},
            )
            for number in range(clips_per_shard)
        ]
        write_shard(folder / "data" / name, samples)
        rows += [_make_row(sample, name) for sample in samples]
    write_manifest(rows, folder / "manifest.parquet")
    (folder / "README.md").write_text("# v1.0.0\n")
    (folder / "croissant.json").write_text('{"version": "1.0.0"}')
    hashes = {link.stage: link.config_hash for link in rows[0].chain}
    statement = make_statement(folder, "m2m-kinetics", {}, hashes, [], count_clips(rows))
    write_statement(statement, folder)
    write_sums(folder)


def _make_row(sample: Sample, shard: str) -> ManifestRow:
    checks = tuple(
        CheckValue(name, 0.0, limit.value, True, 0, (1.0, 2.0, 3.0, 4.0), limit.severity)
        for name, limit in load_limits().items()
    )
    stages = ("standardize", "mask", "inpaint", "recover", "composite", "measure")
    values = {"num_frames": 100, "fps": 10.0, "num_people": 1, "checks": checks}
    return ManifestRow(
        clip_id=sample.key,
        label="wave",
        cls=0,
        split="train",
        status="released",
        reason="",
        shard=shard,
        sample_sha256=sample.sha256,
        source_digest="0" * 64,
        chain=tuple(ChainLink(stage, "0" * 16, "0" * 64) for stage in stages),
        **values,  # type: ignore[arg-type]
    )


def clock(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of wall clock, and of processor time."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - begin_cpu


def main() -> None:
    """Print the figures, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the release")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clips = options.megabytes * 1_000_000 // CLIP_BYTES // options.shards
        write_release(folder, options.shards, clips)
        files = [folder / name for name in list_files(folder)[0]]
        num_bytes = sum(path.stat().st_size for path in files)
        ours, peer = [], []
        for _ in range(options.repeats):
            ours.append(clock(lambda: _check(folder)))
            peer.append(clock(lambda: [hash_file(path) for path in files]))
    rates = {
        name: tuple(num_bytes / 1e6 / min(times) for times in zip(*runs, strict=True))
        for name, runs in (("ours", ours), ("peer", peer))
    }
    for name, (wall, cpu) in rates.items():
        print(f"{name}: {wall:.0f} MB/s by the clock, {cpu:.0f} MB/s of processor time")
    ratio, ratio_cpu = (rates["ours"][n] / rates["peer"][n] for n in range(2))
    print(
        f"{num_bytes / 1e6:.0f} MB in {options.shards} shards: {ratio:.0%} of sha256 alone by the "
        f"clock, {ratio_cpu:.0%} by processor time"
    )
    if options.json:
        record = {
            "name": "verify",
            "ours": rates["ours"][0],
            "peer_name": "hashlib sha256 of the same files, one after the other",
            "peer": rates["peer"][0],
            "ratio": ratio,
            "unit": "MB per second",
            "megabytes": num_bytes / 1e6,
            "ratio_of_processor_time": ratio_cpu,
        }
        options.json.write_text(json.dumps([record], indent=2) + "\n", "utf-8")


def _check(folder: Path) -> None:
    done = verify(folder)
    if not done.ok:
        raise SystemExit(f"{done.findings[0]}")
