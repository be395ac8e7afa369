"""From FFmpeg's pixel formats to ours: layout, depth, color, and the planes as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from videoengine.frames import Color, Layout, Matrix, Pixels, Planes

_DIRECT: Final[dict[str, tuple[Layout, int]]] = {
    "yuv420p": ("yuv420p", 8),
    "yuvj420p": ("yuv420p", 8),
    "yuva420p": ("yuv420p", 8),
    "yuv420p9le": ("yuv420p", 9),
    "yuv420p10le": ("yuv420p", 10),
    "yuv420p12le": ("yuv420p", 12),
    "yuv420p14le": ("yuv420p", 14),
    "yuv420p16le": ("yuv420p", 16),
    "nv12": ("nv12", 8),
    "p010le": ("p010", 10),
    "p012le": ("p010", 12),
    "p016le": ("p010", 16),
    "rgb24": ("rgb24", 8),
    "gray": ("gray", 8),
    "gray10le": ("gray", 10),
    "gray12le": ("gray", 12),
    "gray14le": ("gray", 14),
    "gray16le": ("gray", 16),
}
"""Formats handed on as they are. yuva420p keeps its alpha unread."""

_MATRIX: Final[dict[int, Matrix]] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
"""AVColorSpace to ours. FCC is BT.601 within 0.3 %, SMPTE 240M BT.709 within 1 %."""

_BYTE: Final[np.dtype[Any]] = np.dtype(np.uint8)
_WORD: Final[np.dtype[Any]] = np.dtype(np.uint16)

FULL_RANGE: Final = 2
LIMITED_RANGE: Final = 1
SD_HEIGHT: Final = 576
"""Pictures this high or lower that state no matrix are taken for BT.601, others for BT.709."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """How the pictures of one pixel format are handed out."""

    layout: Layout
    bit_depth: int
    color: Color
    convert_to: str | None
    """Format that swscale makes of it when somebody asks for planes, or None."""


def picture_format(frame: VideoFrame) -> PictureFormat:
    """Return how `frame` is handed out; no plane is touched."""
    name = frame.format.name
    matrix = _MATRIX.get(frame.colorspace, "bt601" if frame.height <= SD_HEIGHT else "bt709")
    full = frame.color_range == FULL_RANGE or name.startswith("yuvj")
    if name in _DIRECT:
        layout, depth = _DIRECT[name]
        if layout == "gray":  # still images in gray are full range unless they say otherwise
            full = frame.color_range != LIMITED_RANGE
        return PictureFormat(layout, depth, Color(matrix, full), None)
    colors = frame.format
    if colors.is_rgb or colors.has_palette or colors.is_bit_stream:
        return PictureFormat("rgb24", 8, Color(matrix, True), "rgb24")
    if name.startswith(("gray", "ya")):
        return PictureFormat("gray", 8, Color(matrix, frame.color_range != LIMITED_RANGE), "gray")
    return PictureFormat("yuv420p", 8, Color(matrix, full), "yuv420p")


def pixels_of(frame: VideoFrame, sample_aspect_ratio: Fraction | None) -> Pixels:
    """Return a handle on the planes of `frame`; none is touched."""
    form = picture_format(frame)
    return Pixels(
        partial(load_planes, frame, form),
        layout=form.layout,
        size=(frame.width, frame.height),
        bit_depth=form.bit_depth,
        color=form.color,
        sample_aspect_ratio=Fraction(sample_aspect_ratio or 1),
        # FFmpeg states the counterclockwise turn; a turn by other angles is not undone
        rotation=-frame.rotation % 360 if frame.rotation % 90 == 0 else 0,
    )


def load_planes(frame: VideoFrame, form: PictureFormat) -> Planes:
    """Return the planes of `frame` without a copy, or as swscale converts them."""
    if form.convert_to is not None:
        full = FULL_RANGE if form.color.full_range else LIMITED_RANGE
        frame = frame.reformat(format=form.convert_to, src_color_range=full, dst_color_range=full)
    width, height = frame.width, frame.height
    wide, high = (width + 1) // 2, (height + 1) // 2
    planes = frame.planes
    dtype = _WORD if form.bit_depth > 8 else _BYTE
    if form.layout == "rgb24":
        return (_rows(planes[0], height, 3 * width, dtype).reshape(height, width, 3),)
    luma = _rows(planes[0], height, width, dtype)
    if form.layout == "gray":
        return (luma,)
    if form.layout == "yuv420p":
        return (
            luma,
            _rows(planes[1], high, wide, dtype),
            _rows(planes[2], high, wide, dtype),
        )
    return (luma, _rows(planes[1], high, 2 * wide, dtype).reshape(high, wide, 2))


def _rows(plane: VideoPlane, height: int, samples: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    row = plane.line_size // dtype.itemsize
    whole = np.frombuffer(memoryview(plane), dtype, height * row)
    return whole.reshape(height, row)[:, :samples]
