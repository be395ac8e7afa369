"""Small videos with chosen stamps, each frame unlike every other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SIZE = (64, 48)


def painted(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return an RGB picture (H, W, 3) that no other number has: moving bars and a counter."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = (columns * 3 + number * 7) % 200 + 20
    picture[..., 1] = (rows * 4 + number * 5) % 200 + 20
    picture[..., 2] = 40 + 160 * ((columns // 8 + number) % 2)
    for bit in range(10):
        picture[: height // 6, bit * width // 10 : (bit + 1) * width // 10] = 220 * (
            number >> bit & 1
        )
    return picture


def make_video(
    path: Path,
    stamps: Sequence[int],
    *,
    time_base: Fraction = Fraction(1, 90_000),
    codec: str = "libx264",
    size: tuple[int, int] = SIZE,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    mux: dict[str, str] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    first_number: int = 0,
    colors: tuple[int, int] | None = None,
    container: str | None = None,
) -> Path:
    """Write a video whose frame `i` is `painted(i)`, stamped `stamps[i]` ticks of `time_base`."""
    formats = {".ts": "mpegts", ".mkv": "matroska"}
    kind = container or formats.get(path.suffix, path.suffix[1:])
    with av.open(str(path), "w", format=kind, options=mux or {}) as target:
        stream: Any = target.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        stream.time_base = time_base
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        if colors is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = colors
        for number, pts in enumerate(stamps, first_number):
            frame = VideoFrame.from_ndarray(painted(number, size), "rgb24")
            if colors is not None:
                frame = frame.reformat(
                    format=pix_fmt, dst_colorspace=colors[0], dst_color_range=colors[1]
                )
            frame.pts, frame.time_base = pts, time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def own_stamps(path: Path) -> list[int | None]:
    """Return the stamps that PyAV itself lists, in presentation order."""
    with av.open(str(path)) as container:
        return [frame.pts for frame in container.decode(video=0)]


B_FRAMES = {"bf": "2", "g": "12", "x264-params": "scenecut=0:open-gop=0"}
OPEN_GOP = {"bf": "3", "g": "8", "x264-params": "scenecut=0:open-gop=1:b-adapt=0"}


def steady(count: int, *, start: int = 0, step: int = 3600) -> list[int]:
    """Return `count` stamps of a constant rate (25 Hz at 1/90000 s by default)."""
    return [start + step * number for number in range(count)]


def uneven(count: int, *, start: int = 0) -> list[int]:
    """Return `count` stamps of a variable rate, 20 to 300 ms apart."""
    steps = [1800 + (number * 7919) % 25_000 for number in range(count)]
    return [start + sum(steps[:number]) for number in range(count)]
