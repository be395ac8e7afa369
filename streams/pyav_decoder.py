"""The PyAV decoder: FFmpeg's demuxers and codecs, planes untouched, stamps as they are.

FFmpeg unwraps the 33-bit stamps of a transport stream itself; nothing here does it again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.errors import SourceError
from videoengine.frames import Pixels
from videoengine.media_time import NS_PER_SECOND, ns_from_pts
from videoengine.sources import PacketLedger
from videoengine.streams.decoder import LARGEST_AREA, Picture, VideoInfo, check_size
from videoengine.streams.packet_table import PacketTable
from videoengine.streams.picture_format import PictureFormat, load_planes, picture_format

FORMATS: Final = {
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "mkv": "matroska,webm",
    "webm": "matroska,webm",
    "ts": "mpegts",
    "avi": "avi",
}
"""Containers by their usual suffix, and FFmpeg's names of the demuxers that may open them."""
OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(dict.fromkeys(FORMATS.values())),
    "max_pixels": str(LARGEST_AREA),
}
"""A playlist, a concat script or a reference to another file or URL is never followed."""
TAIL_NS: Final = NS_PER_SECOND
"""A file whose last picture ends this much and 5 periods before the stated end was cut off."""
TAIL_PERIODS: Final = 5
SEEK_TRIES: Final = 3

_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_TOO_LARGE = re.compile(r"Picture size (\d+)x(\d+) ")
_log_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Look:
    """How pictures of one size and pixel format are wrapped."""

    signature: tuple[int, int, str, int, int]
    key: str
    form: PictureFormat
    aspect: Fraction
    rotation: int


class PyAVDecoder:
    """Decodes the first video stream of a local file on FFmpeg's frame threads."""

    name = "pyav"

    def __init__(self, path: Path, *, packets: PacketLedger) -> None:
        """Open `path`.

        Raises:
            SourceError: The file cannot be opened, has no video, or states an absurd size.
        """
        self.failure: str | None = None
        self._path = path
        self._packets = packets
        self._table: PacketTable | None = None
        self._look: _Look | None = None
        self._landed: Packet[VideoStream] | None = None
        self._next = 0
        self._counted = 0
        self._reading = threading.Lock()
        self._closed = False
        self._first_ns: int | None = None
        self._last_ns = 0
        self._container = open_container(path)
        try:
            self._stream = video_stream(self._container, path)
            self.info = _info(self._container, self._stream)
        except BaseException:
            self._container.close()
            raise

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures from where the decoder stands; none after close()."""
        packets = self._demuxed()
        while True:
            with self._reading:  # close() from another thread waits for one packet
                if self._closed:
                    return
                pictures, ended = self._step(packets)
            yield from pictures
            if ended:
                return

    def _step(self, packets: Iterator[Packet[VideoStream]]) -> tuple[list[Picture], bool]:
        """Read and decode one packet; also return whether it was the end."""
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            self.failure = f"{self._path.name} cannot be read to its end: {error.strerror}"
            return self._decoded(None), True
        if packet is None:
            self._check_end()
            return [], True
        return self._decoded(packet), False

    def _demuxed(self) -> Iterator[Packet[VideoStream]]:
        if self._landed is not None:
            first, self._landed = self._landed, None
            self._count(first)
            yield first
        for packet in self._container.demux(self._stream):
            self._count(packet)
            yield packet

    def _count(self, packet: Packet[VideoStream]) -> None:
        if packet.size:
            self._next += 1
            if self._next > self._counted:
                self._packets.demuxed += 1

    def _decoded(self, packet: Packet[VideoStream] | None) -> list[Picture]:
        try:
            frames: list[VideoFrame] = cast(Any, self._stream).decode(packet)
        except FFmpegError as error:
            self._damaged(f"damaged packets: {error.strerror}")
            return []
        pictures: list[Picture] = []
        for frame in frames:
            if frame.is_corrupt:
                self._damaged("damaged pictures")
            else:
                pictures.append(self._picture(frame))
        return pictures

    def _damaged(self, what: str) -> None:
        if self._next > self._counted:  # not one that a resumed run counted before
            self._packets.skip("corrupt")
        self.failure = f"{self._path.name} has {what}"

    def _picture(self, frame: VideoFrame) -> Picture:
        look = self._look
        name = frame.format.name
        seen = (frame.width, frame.height, name, frame.color_range, frame.colorspace)
        if look is None or look.signature != seen:
            look = self._look = self._new_look(frame, seen)
        time_base = frame.time_base or self.info.time_base
        if frame.pts is not None:
            end_ns = ns_from_pts(frame.pts + (frame.duration or 0), time_base)
            self._last_ns = max(self._last_ns, end_ns)
            if self._first_ns is None:
                self._first_ns = ns_from_pts(frame.pts, time_base)
        pixels = Pixels(
            partial(load_planes, frame, look.form),
            layout=look.form.layout,
            size=(frame.width, frame.height),
            bit_depth=look.form.bit_depth,
            color=look.form.color,
            sample_aspect_ratio=look.aspect,
            rotation=look.rotation,
        )
        return Picture(frame.pts, frame.duration, time_base, look.key, pixels)

    def _new_look(self, frame: VideoFrame, seen: tuple[int, int, str, int, int]) -> _Look:
        check_size(frame.width, frame.height, self._path)
        aspect = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        key = f"{self.info.codec} {frame.format.name} {frame.width}x{frame.height}"
        return _Look(
            seen,
            f"{key} {frame.time_base or self.info.time_base}",
            picture_format(frame),
            Fraction(aspect) if aspect else Fraction(1),
            # FFmpeg states the counterclockwise turn; a turn by other angles is not undone
            -frame.rotation % 360 if frame.rotation % 90 == 0 else 0,
        )

    def _check_end(self) -> None:
        """Say so when the file ends well before the end its container states."""
        info = self.info
        if self.failure is not None or info.duration_ns is None or self._first_ns is None:
            return
        missing = self._first_ns + info.duration_ns - self._last_ns
        periods = TAIL_PERIODS * (info.nominal_ns or 0)
        if self._container.format.name == FORMATS["mp4"] and info.frame_count is not None:
            # an edit list may hide packets: then the end is where it should be
            short = missing > periods and self._next < info.frame_count
        else:  # many writers of Matroska and AVI count the length from 0, not from the first stamp
            missing -= max(0, self._first_ns)
            short = missing > max(TAIL_NS, periods)
        if short:
            self.failure = f"{self._path.name} ends {missing / NS_PER_SECOND:.1f} s early"

    def restart(self, pts: int | None, *, counted: int) -> bool:
        """Stand where the picture stamped `pts` and all later ones come out whole."""
        self.failure = None
        self._look = None
        self._landed = None
        self._next, self._counted = 0, counted
        if pts is None:
            self._container.close()
            self._container = open_container(self._path)
            self._stream = video_stream(self._container, self._path)
            return True
        if self._table is None:
            self._table = read_table(self._path)
        row = self._table.row_at(pts)
        keys = self._table.keys_before(row) if row is not None else []
        return any(self._land(self._table, key, keys[0]) for key in keys[:SEEK_TRIES])

    def _land(self, table: PacketTable, key: int, last: int) -> bool:
        """Seek to the key packet `key`; prove by the table that one no later than `last` came."""
        try:
            self._container.seek(table.pts[key], stream=self._stream)
            for packet in self._container.demux(self._stream):
                if packet.size and packet.is_keyframe:
                    row = table.row_of(packet)
                    if row is None or row > last:
                        return False
                    self._landed, self._next = packet, row
                    return True
        except FFmpegError:
            return False
        return False

    def close(self) -> None:
        """Release the file; a read in another thread ends first."""
        with self._reading:
            self._closed = True
            self._container.close()


def open_container(path: Path) -> InputContainer:
    """Open a local file of one of `FORMATS`, and nothing else.

    Raises:
        SourceError: With FFmpeg's own words.
    """
    try:
        return av.open(f"file:{path}", mode="r", options=dict(OPTIONS), metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} cannot be opened as a video",
            got=_reason(path, error),
            allowed=", ".join(FORMATS),
            remedy="Check that the file is whole and play it in a player.",
        ) from error


def _reason(path: Path, error: FFmpegError | OSError) -> str:
    return in_ffmpegs_words(error, partial(_open_and_close, path))


def _open_and_close(path: Path) -> None:
    av.open(f"file:{path}", mode="r", options=dict(OPTIONS)).close()


def in_ffmpegs_words(error: FFmpegError | OSError, again: Callable[[], object]) -> str:
    """Return what went wrong; for damaged data, `again` is tried with FFmpeg's log on."""
    said = str(error.strerror or error)
    lines = _error_lines(again) if isinstance(error, InvalidDataError) else []
    return f"{said}: {lines[-1]}" if lines else said


def _error_lines(again: Callable[[], object]) -> list[str]:
    """Call `again` with FFmpeg's log on, and return its errors; none reaches stderr."""
    with _log_lock, av.logging.Capture(local=False) as lines:
        level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)
        try:
            again()
        except (FFmpegError, OSError):
            pass
        finally:
            av.logging.set_skip_repeated(skips)
            av.logging.set_level(level)
    return [line[2].strip() for line in lines if line[2].strip()]


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream that is not a cover picture, decoding on all cores."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        context = stream.codec_context
        width, height = context.width, context.height
        if not width:  # FFmpeg says 0 of a size above `max_pixels`, and the true one in its log
            opening = partial(_open_and_close, path)
            sizes = [_TOO_LARGE.search(line) for line in _error_lines(opening)]
            width, height = next((map(int, s.groups()) for s in sizes if s), (width, height))
        check_size(width, height, path)
        stream.thread_type = "AUTO"
        context.options = {"max_pixels": str(LARGEST_AREA)}
        return stream
    kinds: list[str] = sorted({stream.type for stream in container.streams})
    raise SourceError(
        f"{path} holds no video",
        got=" and ".join(kinds) or "nothing",
        remedy="Choose the video file.",
    )


def _info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    time_base = stream.time_base or Fraction(1, 1_000_000)
    rate = stream.average_rate or None
    context = stream.codec_context
    return VideoInfo(
        codec=context.codec.canonical_name,
        size=(context.width, context.height),
        time_base=time_base,
        rate_fps=None if rate is None else float(rate),
        nominal_ns=None if rate is None else round(NS_PER_SECOND / rate),
        duration_ns=_duration_ns(container, stream),
        frame_count=stream.frames or None,
    )


def _duration_ns(container: InputContainer, stream: VideoStream) -> int | None:
    """Return the length of the video stream that the container states, in nanoseconds."""
    if stream.duration is not None and stream.time_base is not None:
        return ns_from_pts(stream.duration, stream.time_base)
    tag = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))  # Matroska's, a stream
    if tag is not None:
        hours, minutes, seconds = tag.groups()
        total = int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
        return int(total * NS_PER_SECOND)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration * 1000
    return None


def read_table(path: Path) -> PacketTable:
    """Return the packet table of a file, demuxing it once without decoding."""
    container = open_container(path)
    try:
        return PacketTable.read(container.demux(video_stream(container, path)))
    except FFmpegError as error:
        raise SourceError(f"{path} cannot be read", got=error.strerror) from error
    finally:
        container.close()
