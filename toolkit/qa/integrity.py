"""What a released file holds besides pictures: nothing, or the clip is not released.

An mp4 can carry sound, subtitles, cover pictures, places, names of devices, notes of the encoder
and whatever a maker of boxes thinks of. So this asks the other way round: every box, every unit of
the stream and every byte between them must be one that our encoder writes.
"""

import io
import struct
from collections import Counter
from collections.abc import Iterator

_FOLDERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta"}
_LEAVES = {
    *(b"ftyp", b"mdat", b"mvhd", b"tkhd", b"elst", b"mdhd", b"hdlr", b"vmhd", b"dref", b"stsd"),
    *(b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco", b"meta"),
}
_ONCE = {b"trak", b"mdat", b"moov", b"ftyp", b"udta", b"meta"}
_TIMED = {b"mvhd", b"tkhd", b"mdhd"}
_NO_TIME = bytes(8)
_HANDLER = b"vide" + bytes(12) + b"VideoHandler\0"
_EMPTY_META = bytes.fromhex("00000000 00000021") + b"hdlr" + bytes(8) + b"mdirappl"
_META_BYTES = 45
_SAMPLE_ENTRY = {b"avcC", b"pasp", b"colr", b"btrt", b"fiel"}
_SLICES = {1, 5}
"""H.264's units of picture data (ITU-T H.264, table 7-1); parameters stand in ``avcC``."""
_MAX_DEPTH = 8


def find_side_data(content: bytes) -> list[str]:
    """Name all that an mp4 holds besides one silent H.264 video.

    Args:
        content: of the file.

    Returns:
        One name for each thing; empty where there is nothing. A file that cannot be read is
        one thing.
    """
    import av

    try:
        boxes = list(_walk(content, 0, len(content), 0))
        found = [fault for kind, body in boxes if (fault := _judge(kind, body))]
        counts = Counter(kind for kind, _ in boxes)
        found += [f"{kind!a} {counts[kind]} times" for kind in _ONCE if counts[kind] > 1]
        with av.open(io.BytesIO(content), "r", format="mp4") as container:
            if [stream.type for stream in container.streams] != ["video"]:
                found.append("streams besides the video")
            units = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    except (ValueError, struct.error, av.FFmpegError, IndexError) as error:
        return [f"unreadable ({type(error).__name__})"]
    num_media = sum(len(body) for kind, body in boxes if kind == b"mdat")
    if num_media != sum(map(len, units)):
        found.append("bytes of no frame")
    kinds = {kind for unit in units for kind in _list_units(unit)}
    return found + [f"H.264 unit {kind}" for kind in sorted(kinds - _SLICES)]


def _walk(content: bytes, start: int, end: int, depth: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each box; of those that hold boxes, of the boxes too."""
    while start < end:
        size, kind = struct.unpack_from(">I4s", content, start)
        if size < 8 or start + size > end or depth > _MAX_DEPTH:
            raise ValueError(f"box {kind!a} of {size} bytes")
        yield kind, content[start + 8 : start + size]
        if kind in _FOLDERS:
            yield from _walk(content, start + 8, start + size, depth + 1)
        start += size


def _judge(kind: bytes, body: bytes) -> str:
    """Return what is wrong with a box; empty where nothing is."""
    is_empty_meta = body.startswith(_EMPTY_META) and len(body) == _META_BYTES
    faults = {
        "": kind not in {*_FOLDERS, *_LEAVES, b"free"},
        " with bytes of no use": kind == b"free" and body != b"",
        " with a date": kind in _TIMED and body[4:12] != _NO_TIME,
        " with a text": kind == b"hdlr" and body[8:] != _HANDLER,
        " with tags": kind == b"meta" and not is_empty_meta,
    }
    for fault, is_there in faults.items():
        if is_there:
            return f"box {kind.decode('latin-1')!a}{fault}"
    return _judge_entry(body) if kind == b"stsd" else ""


def _judge_entry(body: bytes) -> str:
    """Judge how the video is described: one entry of H.264, without a name of what encoded it."""
    count, _, kind = struct.unpack_from(">II4s", body, 4)
    if count != 1 or kind != b"avc1":
        return "another video format"
    if any(body[58:90]):
        return "a name of the encoder"
    kinds = {inner for inner, _ in _walk(body, 94, len(body), 0)}
    return f"boxes {sorted(kinds - _SAMPLE_ENTRY)}" if kinds - _SAMPLE_ENTRY else ""


def _list_units(packet: bytes) -> Iterator[int]:
    """Yield the kind of each unit of a packet: length in 4 bytes, then the unit."""
    start = 0
    while start < len(packet):
        (size,) = struct.unpack_from(">I", packet, start)
        yield packet[start + 4] & 31
        start += 4 + size
