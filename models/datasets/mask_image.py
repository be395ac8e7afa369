"""Label images as they are: grey levels, palette places or colours, never converted."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.errors import SourceError
from videoengine.models.datasets.annotations import Box
from videoengine.models.datasets.label_file import LARGEST_FILE, wrong
from videoengine.streams.decoder import LARGEST_AREA, check_size
from videoengine.streams.image_folder import SIGNATURES

LabelImage = NDArray[np.uint8]
_RGB: Final = ("rgb24", "rgba", "bgr24", "bgra", "bgr0", "rgb0")
_YUV: Final = ("yuvj420p", "yuvj422p", "yuvj444p")


def read_levels(path: Path, size: tuple[int, int]) -> LabelImage:
    """Return a label image whose grey level, or place in a palette, is the label.

    Args:
        path: A PNG, BMP or JPEG file; of a colour image, red, green and blue must be alike.
        size: (width, height) that it must have: that of the picture.

    Returns:
        uint8 (H, W).
    """
    frame = _decode(path, size)
    if frame.format.name == "pal8":
        places: LabelImage = _first(frame.to_ndarray())
        return places
    if frame.format.name not in _RGB:
        return _grey(frame, path)
    rgb = _rgb(frame)
    if bool((rgb[..., 0] != rgb[..., 1]).any() or (rgb[..., 0] != rgb[..., 2]).any()):
        wrong(
            path,
            None,
            "the mask has colours",
            got="red, green and blue that differ",
            allowed="grey levels",
        )
    return np.ascontiguousarray(rgb[..., 0])


def read_colors(path: Path, size: tuple[int, int]) -> LabelImage:
    """Return a label image whose colour is the label, uint8 (H, W, 3), RGB."""
    frame = _decode(path, size)
    if frame.format.name in (*_RGB, *_YUV, "pal8"):
        return _rgb(frame)
    return np.repeat(_grey(frame, path)[..., None], 3, axis=2)


def labels_of_colors(
    image: LabelImage, numbers: Mapping[tuple[int, int, int], int], path: Path
) -> LabelImage:
    """Return the number that each colour of a label image stands for.

    Args:
        image: uint8 (H, W, 3), RGB.
        numbers: Number of each colour.
        path: Of the image, for the error.

    Raises:
        SourceError: The image holds a colour that stands for nothing.
    """
    packed = image.astype(np.uint32) @ np.array((1 << 16, 1 << 8, 1), np.uint32)
    found, places = np.unique(packed, return_inverse=True)
    table: list[int] = []
    for value in found.tolist():
        color = (value >> 16, value >> 8 & 255, value & 255)
        if color not in numbers:
            wrong(
                path,
                None,
                "a colour stands for no class",
                got=color,
                allowed=", ".join(str(known) for known in numbers),
            )
        table.append(numbers[color])
    return np.array(table, np.uint8)[places].reshape(image.shape[:2])


def labels_of_levels(image: LabelImage, numbers: Mapping[int, int], path: Path) -> LabelImage:
    """Return the number that each grey level of a label image stands for, or raise."""
    table = np.zeros(256, np.uint8)
    for level, number in numbers.items():
        table[level] = number
    for level in np.unique(image).tolist():
        if level not in numbers:
            wrong(
                path,
                None,
                "a grey level stands for no class",
                got=level,
                allowed=", ".join(str(known) for known in numbers),
            )
    found: LabelImage = table[image]
    return found


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Return the normalised box around what a mask (H, W) holds, or None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    height, width = mask.shape
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    return left / width, top / height, (right - left) / width, (bottom - top) / height


def tool_mask(mask: NDArray[Any]) -> LabelImage:
    """Return `mask/tool` of an array (H, W): 255 where it is not 0."""
    return np.where(mask != 0, np.uint8(255), np.uint8(0))


def _decode(path: Path, size: tuple[int, int]) -> VideoFrame:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("the file is larger than 512 MiB")
        data = path.read_bytes()
        codec = next((name for first, name in SIGNATURES if data.startswith(first)), None)
        if codec is None:
            raise ValueError("this is not an image")
        if codec == "png" and len(data) >= 24:
            width, height = struct.unpack(">II", data[16:24])
            check_size(width, height, path)
        context: Any = CodecContext.create(codec, "r")
        context.thread_count = 1
        context.options = {"max_pixels": str(LARGEST_AREA)}
        frames: list[VideoFrame] = context.decode(Packet(data))
        if not frames or frames[0].is_corrupt:
            raise ValueError("the image is broken")
    except (FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"The mask {path} cannot be read",
            got=getattr(error, "strerror", None) or error,
            remedy="Copy the file again from the release.",
        ) from error
    if (frames[0].width, frames[0].height) != size:
        wrong(
            path,
            None,
            "the mask has not the size of its picture",
            got=f"{frames[0].width}x{frames[0].height}",
            allowed=f"{size[0]}x{size[1]}",
        )
    return frames[0]


def _grey(frame: VideoFrame, path: Path) -> LabelImage:
    name = frame.format.name
    if name in _YUV:  # a JPEG file: its brightness is the grey level
        plane: Any = frame.planes[0]
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return np.ascontiguousarray(lines[: frame.height, : frame.width])
    if name in ("gray", "monob", "monow", "ya8"):
        return np.ascontiguousarray(frame.reformat(format="gray").to_ndarray(), np.uint8)
    wrong(
        path,
        None,
        "the mask has a format of pixels that labels do not have",
        got=name,
        allowed="8-bit grey, a palette, or 8-bit colours",
    )


def _rgb(frame: VideoFrame) -> LabelImage:
    if frame.format.name == "pal8":
        places, palette = frame.to_ndarray()
        # FFmpeg keeps a palette as ARGB words; PyAV turns each one into alpha, red, green, blue
        colors: LabelImage = np.ascontiguousarray(np.asarray(palette)[:, 1:4][np.asarray(places)])
        return colors
    return np.ascontiguousarray(frame.reformat(format="rgb24").to_ndarray(), np.uint8)


def _first(value: Any) -> Any:
    return np.ascontiguousarray(value[0] if isinstance(value, tuple) else value)
