"""JPEG pictures, by FFmpeg's encoder: no metadata in them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

FINEST: Final = 2
"""Quantizer scale of the encoder's best quality, about 92 on the usual scale of 100."""
FULL_RANGE: Final = 2


class JpegEncoder:
    """Encodes RGB pictures one by one; a change of size opens a fresh codec."""

    def __init__(self, quantizer: int = FINEST) -> None:
        """Choose the quantizer scale, 2 (best) to 31."""
        self._quantizer = quantizer
        self._codec: VideoCodecContext | None = None
        self._count = 0

    def encode(self, rgb: NDArray[np.uint8]) -> bytes:
        """Return the JPEG file of a uint8 (H, W, 3) RGB picture."""
        height, width = rgb.shape[:2]
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = self._open(width, height)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture = picture.reformat(format="yuvj420p", dst_color_range=FULL_RANGE)
        picture.pts, self._count = self._count, self._count + 1
        picture.time_base = Fraction(1, 1000)
        encoder: Any = codec  # its stubs leave the packets' type open
        packets: list[Any] = encoder.encode(picture)
        return b"".join(bytes(packet) for packet in packets)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        codec = av.CodecContext.create("mjpeg", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = "yuvj420p"
        codec.color_range = FULL_RANGE
        codec.time_base = Fraction(1, 1000)
        codec.qmin = codec.qmax = self._quantizer
        codec.flags |= Flags.bitexact
        codec.thread_count = 1  # one picture in, the same picture out
        return codec
