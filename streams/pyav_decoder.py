"""The PyAV decoder: FFmpeg's demuxers and codecs, planes untouched, stamps as they are.

FFmpeg unwraps the 33-bit stamps of a transport stream itself; nothing here does it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import av
import av.logging
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.errors import SourceError
from videoengine.frames import Pixels
from videoengine.media_time import NS_PER_SECOND, ns_from_pts
from videoengine.sources import PacketLedger
from videoengine.streams.decoder import LARGEST_AREA, Picture, VideoInfo, check_size
from videoengine.streams.packet_table import PacketTable
from videoengine.streams.picture_format import PictureFormat, load_planes, picture_format

CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi"
"""FFmpeg's demuxers that may open a file: a playlist, a script or a raw stream may not."""
FORMATS: Final = "mp4, mov, mkv, webm, ts, avi"
MICROSECONDS: Final = Fraction(1, 1_000_000)
TAIL_NS: Final = 2 * NS_PER_SECOND
"""A file whose last picture ends this long before the stated end was cut off."""
SEEK_TRIES: Final = 3


@dataclass(slots=True)
class _Look:
    """How pictures of one size and pixel format are wrapped."""

    width: int
    height: int
    name: str
    key: str
    form: PictureFormat


class PyAVDecoder:
    """Decodes the first video stream of a local file on FFmpeg's frame threads."""

    name = "pyav"

    def __init__(self, path: Path, *, packets: PacketLedger) -> None:
        """Open `path`.

        Raises:
            SourceError: The file cannot be opened, has no video, or states an absurd size.
        """
        self._path = path
        self._packets = packets
        self._container = _open(path)
        self._table: PacketTable | None = None
        self._look: _Look | None = None
        self._next = 0
        self._counted = 0
        self._landed: Packet[VideoStream] | None = None
        self._end_ns = 0
        self.failure: str | None = None
        try:
            self._stream = _video_stream(self._container, path)
            self.info = _info(self._container, self._stream)
        except BaseException:
            self._container.close()
            raise

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures from where the decoder stands."""
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                self._packets.skip("corrupt")
                self.failure = f"damaged packets in {self._path.name}: {_reason(error)}"
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._packets.skip("corrupt")
                    self.failure = f"damaged pictures in {self._path.name}"
                else:
                    yield self._picture(frame)
        self._check_end()

    def _demuxed(self) -> Iterator[Packet[VideoStream]]:
        """Yield every packet with its number on it; the number comes out on its picture."""
        try:
            packets = self._container.demux(self._stream)
            if self._landed is not None:
                first, self._landed = self._landed, None
                yield self._numbered(first)
            for packet in packets:
                yield self._numbered(packet)
        except av.FFmpegError as error:
            self.failure = f"{self._path.name} cannot be read to its end: {_reason(error)}"
            yield Packet[VideoStream]() if False else self._flush()

    def _flush(self) -> Packet[VideoStream]:
        packet: Packet[VideoStream] = Packet()
        packet.stream = self._stream
        return packet

    def close(self) -> None:
        """Release the file."""
        self._container.close()
