"""Small real clips, encoded on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from videoengine.frames import Color, Pixels
from videoengine.streams.testing.tissue_clip import ClipFrames

Picture = Callable[[int], NDArray[np.uint8]]


def moving(size: tuple[int, int]) -> Picture:
    """Return pictures of a reddish, textured, moving field: RGB uint8 (H, W, 3)."""
    width, height = size
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 60, (height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)

    def picture(number: int) -> NDArray[np.uint8]:
        field = np.roll(coarse, number, axis=1)[:height, :width]
        return np.stack([150 + field, 50 + field // 2, 45 + field // 3], axis=2).astype(np.uint8)

    return picture


def tissue(size: tuple[int, int]) -> Picture:
    """Return the demo's clean tissue: 5 s of it lie inside the body without a fault."""
    made = ClipFrames(1, size)

    def picture(number: int) -> NDArray[np.uint8]:
        planes = made.planes(number / 25)
        color = Color("bt601")
        return Pixels(lambda: planes, layout="yuv420p", size=size, color=color).rgb()

    return picture


def write_clip(
    path: Path,
    *,
    stamps_ms: Sequence[int] | None = None,
    size: tuple[int, int] = (160, 120),
    pictures: Picture | Iterable[NDArray[np.uint8]] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip with these stamps (milliseconds) and return its path."""
    stamps = list(range(0, 2000, 40)) if stamps_ms is None else list(stamps_ms)
    source: Any = moving(size) if pictures is None else pictures
    frames: Any = map(source, range(len(stamps))) if callable(source) else iter(source)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            codec, rate=25, options=options or {"preset": "ultrafast", "crf": "20"}
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, rgb in zip(stamps, frames, strict=False):  # pictures may go on
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
