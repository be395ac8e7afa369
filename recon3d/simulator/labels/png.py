"""PNG pictures by FFmpeg's encoder: lossless, no metadata, the same bytes for the same pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

PixelFormat = Literal["gray", "rgb24", "gray16be", "rgb48be"]
OPTIONS: Final = {"compression_level": "1", "pred": "up"}
"""The quickest setting, and on rendered depth and flow also the smallest files."""


class PngEncoder:
    """Encodes pictures of one pixel format; a change of size opens a fresh codec."""

    def __init__(self, pixel_format: PixelFormat) -> None:
        """Choose the format: 8 or 16 bits, gray (H, W) or RGB (H, W, 3)."""
        self._format = pixel_format
        self._codec: VideoCodecContext | None = None
        self._count = 0

    def encode(self, picture: NDArray[Any]) -> bytes:
        """Return the PNG file of a uint8 or, for the 16-bit formats, uint16 picture."""
        height, width = picture.shape[:2]
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = self._open(width, height)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=self._format)
        frame.pts, self._count = self._count, self._count + 1
        frame.time_base = Fraction(1, 25)
        packets: list[Any] = codec.encode(frame)
        return b"".join(bytes(packet) for packet in packets)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        codec = av.CodecContext.create("png", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = self._format
        codec.time_base = Fraction(1, 25)
        codec.options = OPTIONS
        codec.thread_count = 1  # one picture in, its file out
        return codec
