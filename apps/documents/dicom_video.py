"""The gated video as Video Endoscopic Image Storage: H.264 in MP4, encapsulated in one fragment.

Written from DICOM PS3.3 (A.32.5, C.7.6.5, C.8.12.1) and PS3.5 (8.2.7, A.4).
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import av

from videoengine.apps.documents.dicom_header import VIDEO_SERIES, code, dataset, pydicom, write
from videoengine.apps.documents.h264 import Level, fitted, header, level_for
from videoengine.apps.documents.remux import remux, seconds
from videoengine.apps.export.request import Request
from videoengine.apps.export.video import ENCODER, Gated, write_gated
from videoengine.apps.source_record import locate_source, reopen_source
from videoengine.errors import OutputError, SourceError
from videoengine.media_time import NS_PER_SECOND

FRAGMENT: Final = 2**32 - 2
"""The longest fragment; what is longer needs the fragmentable transfer syntax."""
VECTOR: Final = 65534
"""Longest text of a Frame Time Vector; a longer one is left out, and the MP4 keeps the stamps."""
STEADY_SECONDS: Final = 0.001
"""Frames whose periods differ by less than this come at a constant rate."""
ABDOMEN: Final = ("818981001", "SCT", "Abdomen")
COLON: Final = ("71854001", "SCT", "Colon")
REGIONS: Final = {
    "cholecystectomy": ABDOMEN,
    "laparoscopy": ABDOMEN,
    "colonoscopy": COLON,
    "gastroscopy": ("69695003", "SCT", "Stomach"),
    "cystoscopy": ("89837001", "SCT", "Bladder"),
}
"""What is looked at, by the procedure or modality that the analysis was told."""
FRAME_TIME, FRAME_TIME_VECTOR = 0x00181063, 0x00181065
THREADS: Final = "2"
"""The encoder's bytes depend on their number, and one instance id names one content."""
METHODS: Final = {
    "h264": "ISO_14496_10",
    "hevc": "ISO_23008_2",
    "mpeg2video": "ISO_13818_2",
    "mjpeg": "ISO_10918_1",
}
"""FFmpeg's name of a lossy codec to DICOM's (PS3.3 C.7.6.1.1.5.1)."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """An MP4 file, and how it came about."""

    path: Path
    level: Level
    encoded: Gated | None
    """Of a stream that was encoded again; None: the source's own packets."""
    source_codec: str | None
    """FFmpeg's name of the source's codec, where it is a file."""
    source_bytes: int


def write_video(request: Request, out: Path) -> int:
    """Write the video of a case as one DICOM file; returns the number of frames."""
    pydicom()  # better missed before hours of video are encoded than after
    with _beside(out) as path:
        stream = _made(request, path)
        stamps = seconds(path)
        made = _dataset(request, stream, stamps)
        size = path.stat().st_size
        syntax = stream.level.transfer_syntax if size <= FRAGMENT else stream.level.fragmentable
        write(made, out, transfer_syntax=syntax)
        with path.open("rb") as video, out.open("ab") as target:
            encapsulate(video, size, target)
    return len(stamps)


def encapsulate(video: BinaryIO, size: int, target: BinaryIO, *, fragment: int = FRAGMENT) -> None:
    """Append pixel data whose fragments hold a stream: an empty offset table, then its bytes."""
    target.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF))
    target.write(struct.pack("<HHI", 0xFFFE, 0xE000, 0))
    left = size
    while left:
        length = min(left, fragment)
        target.write(struct.pack("<HHI", 0xFFFE, 0xE000, length + length % 2))
        _copy(video, target, length)
        target.write(b"\0" * (length % 2))
        left -= length
    target.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))


def _copy(video: BinaryIO, target: BinaryIO, length: int) -> None:
    while length:
        block = video.read(min(length, 1 << 20))
        if not block:
            raise OutputError("The encoded video became shorter while it was copied")
        target.write(block)
        length -= len(block)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Yield a path for the stream in a folder beside `out` that is gone afterwards."""
    folder = out.with_name(f"{out.name}.stream")
    folder.mkdir()
    try:
        yield folder / "video.mp4"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(request: Request, path: Path) -> _Stream:
    """Write the stream: the source's packets where they may leave, else encoded as gated."""
    codec = _source_codec(request)
    record = request.case.manifest.source
    size_before = 0 if record is None else record.size
    level = remux(request, path)
    if level is not None:
        return _Stream(path, level, None, codec, size_before)
    path.unlink(missing_ok=True)
    fps = _rate(request)
    size = fitted(_shown(request), fps)
    target = level_for(size, fps)
    encoder = {
        **ENCODER,
        "profile": "high",
        "level": target.name,
        "maxrate": f"{target.kbit}k",
        "bufsize": f"{target.kbit}k",
        "threads": THREADS,
    }
    gated = write_gated(request, path, "mp4", encoder=encoder, fit=lambda _: size)
    return _Stream(path, _proven(path), gated, codec, size_before)


def _proven(path: Path) -> Level:
    """Return the level that the encoder's own parameter sets state."""
    with av.open(str(path)) as container:
        _, found = header(bytes(container.streams.video[0].codec_context.extradata or b""))
    levels = [profile.syntax() for profile in found]
    proven = next((level for level in levels if level is not None), None)
    assert proven is not None, "the encoder writes High Profile"
    assert None not in levels, "the encoder keeps to the level it was told"
    return proven


def _rate(request: Request) -> Fraction:
    """Return the mean number of frames a second, as the analysis counted them."""
    packets = (request.timeline.run.get("packets") or {}).get(request.case.manifest.stream_id, {})
    frames = max(1, int(packets.get("decoded", 1)))
    return Fraction(frames * NS_PER_SECOND, max(1, request.timeline.end_ns))


def _shown(request: Request) -> tuple[int, int]:
    """Return the displayed (width, height) of the first frame."""
    source = reopen_source(request.case, request.source)
    try:
        for frame in source:
            return frame.pixels.display_size
        raise SourceError(f"{source.info.uri} holds no frame")
    finally:
        source.close()


def _source_codec(request: Request) -> str | None:
    """Return FFmpeg's name of the codec of a source that is a file, else None."""
    record = request.case.manifest.source
    if record is None or record.kind != "file":
        return None
    place, _ = locate_source(request.case, request.source)
    with av.open(place) as container:
        return str(container.streams.video[0].codec_context.name)


def _dataset(request: Request, stream: _Stream, stamps: list[Fraction]) -> Any:
    """Return everything but the pixels."""
    made = dataset(request.case, VIDEO_SERIES)
    with av.open(str(stream.path)) as container:
        context = container.streams.video[0].codec_context
        made.Rows, made.Columns = context.height, context.width
    made.ImageType = ["ORIGINAL" if stream.encoded is None else "DERIVED", "PRIMARY"]
    made.SamplesPerPixel, made.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    made.PlanarConfiguration, made.PixelRepresentation = 0, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    made.NumberOfFrames = len(stamps)
    made.AcquisitionContextSequence = []
    made.PatientOrientation = ""
    region = REGIONS.get(request.case.manifest.procedure or "") or REGIONS.get(
        request.case.manifest.modality
    )
    if region is None:
        made.Laterality = ""  # it may be that of a paired organ; an unpaired one must have none
    else:
        made.AnatomicRegionSequence = [code(*region)]
    _time(made, stamps)
    _compression(made, stream)
    return made


def _time(made: Any, stamps: list[Fraction]) -> None:
    """Say when the frames are shown: at a constant rate, or each after its own time."""
    periods = [float(after - before) for before, after in pairwise(stamps)]
    mean = sum(periods) / len(periods) if periods else 1.0
    rate = max(1, round(1 / mean))
    made.CineRate = made.RecommendedDisplayFrameRate = rate
    made.EffectiveDuration = f"{mean * len(stamps):.6f}"
    vector = ["0", *(f"{period * 1000:.3f}" for period in periods)]
    steady = not periods or max(periods) - min(periods) < STEADY_SECONDS
    if steady or len("\\".join(vector)) > VECTOR:
        made.FrameTime = f"{mean * 1000:.6f}"
        made.FrameIncrementPointer = FRAME_TIME
    else:
        made.FrameTimeVector = vector
        made.FrameIncrementPointer = FRAME_TIME_VECTOR


def _compression(made: Any, stream: _Stream) -> None:
    """Say what was lost, once by whoever recorded it and once by us."""
    raw = made.Rows * made.Columns * 3 * made.NumberOfFrames
    ratio = f"{raw / max(1, stream.path.stat().st_size):.2f}"
    made.LossyImageCompression = "01"
    before = METHODS.get(stream.source_codec or "")
    if stream.encoded is None or before is None:
        made.LossyImageCompressionRatio, made.LossyImageCompressionMethod = ratio, METHODS["h264"]
    else:
        first = f"{raw / max(1, stream.source_bytes):.2f}"
        made.LossyImageCompressionRatio = [first, ratio]
        made.LossyImageCompressionMethod = [before, METHODS["h264"]]
    if stream.encoded is None:
        made.DerivationDescription = "The recorded H.264 packets, without side messages and sound"
        return
    made.DerivationDescription = (
        f"Encoded again as H.264 High {stream.level.name}; {stream.encoded.blanked} of "
        f"{stream.encoded.frames} frames are black by the privacy gate, and so is "
        "what lies outside a view circle; no sound"
    )
