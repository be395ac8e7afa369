"""A minute of made laparoscopy whose every fault is known: what tests are measured against."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.streams.testing.noise import Field, blurred, doubled, smooth_noise
from videoengine.streams.testing.room_scene import RoomScene
from videoengine.streams.testing.tissue_scene import Picture, TissueScene

Planes = tuple[NDArray[np.uint8], ...]
Kind = Literal["blur", "smoke", "glare", "out_of_body", "frozen", "gap"]
FPS: Final = 25
TICKS: Final = 512
"""Ticks a frame: the time base is 1/12800 s."""
LENGTH_SECONDS: Final = 60.0
PLAN: Final[tuple[tuple[Kind, float, float], ...]] = (
    ("blur", 6.0, 3.0),
    ("smoke", 12.0, 4.0),
    ("glare", 19.0, 2.0),
    ("out_of_body", 25.0, 6.0),
    ("frozen", 42.0, 2.4),
    ("gap", 48.0, 3.0),
)
"""Kind, start before the seed moves it, and length, in seconds."""
RAMP_SECONDS: Final = 0.24
"""Blur, smoke and glare come and go within this time, inside their span."""
AHEAD: Final = 3
"""Frames painted at once while the encoder works."""
BT601: Final = 6
LIMITED: Final = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the clip with one fault, in the clip's own stamps."""

    kind: Kind
    start_seconds: float
    end_seconds: float
    """Stamp of the first frame after the span."""


@dataclass(frozen=True, slots=True)
class TissueClip:
    """A written clip and the truth about it."""

    path: Path
    seed: int
    size: tuple[int, int]
    """(width, height) in pixels."""
    fps: int
    length_seconds: float
    frame_count: int
    view_circle: tuple[float, float, float]
    """Center x, center y and radius in pixels."""
    spans: tuple[Span, ...]


def tissue_clip(
    seed: int, path: str | os.PathLike[str], *, size: tuple[int, int] = (854, 480)
) -> TissueClip:
    """Write a minute of H.264 video of lit, breathing tissue to `path`, an mp4 file.

    The pixels before the codec depend on `seed` and `size` alone.

    Args:
        seed: Chooses organs, motion and the exact place of every span.
        path: File to write.
        size: (width, height) in pixels, both even.

    Returns:
        What the clip shows, and when.
    """
    target = Path(path)
    frames = ClipFrames(seed, size)
    count = 0
    container: Any
    with av.open(str(target), "w", format="mp4") as container:
        options = {"crf": "21", "preset": "superfast"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 2 * FPS
        stream.codec_context.colorspace = BT601
        stream.codec_context.color_range = LIMITED
        stream.codec_context.time_base = stream.time_base = Fraction(1, FPS * TICKS)
        for pts, planes in frames:
            frame = _frame(planes, size)
            frame.pts, frame.time_base = pts, Fraction(1, FPS * TICKS)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    width, height = size
    return TissueClip(
        path=target,
        seed=seed,
        size=size,
        fps=FPS,
        length_seconds=LENGTH_SECONDS,
        frame_count=count,
        view_circle=(width / 2, height / 2, frames.radius),
        spans=frames.spans,
    )


def _frame(planes: Planes, size: tuple[int, int]) -> VideoFrame:
    frame = VideoFrame(*size, "yuv420p")
    frame.colorspace, frame.color_range = BT601, LIMITED
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows[: samples.shape[0], : samples.shape[1]] = samples
    return frame


class ClipFrames:
    """The frames of the clip before the codec: (stamp in ticks, (Y, U, V) planes)."""

    def __init__(self, seed: int, size: tuple[int, int]) -> None:
        """Paint the scenes."""
        rng = np.random.default_rng(seed)
        shifts = rng.integers(-FPS // 2, FPS // 2 + 1, len(PLAN))
        self.spans = tuple(
            Span(kind, start + shift / FPS, start + length + shift / FPS)
            for (kind, start, length), shift in zip(PLAN, shifts.tolist(), strict=True)
        )
        self._size = size
        self.radius = 0.6 * size[1]
        self._tissue = TissueScene(rng, size)
        self._half = self._tissue.half
        self._room = RoomScene(rng, self._half)
        shape = (self._half[0], 2 * self._half[1])
        self._haze = (
            0.62 + 0.16 * smooth_noise(rng, shape, 2.2) + 0.06 * smooth_noise(rng, shape, 5)
        )
        self._spot = rng.uniform(-0.15, 0.15, 2)
        self._mask = doubled(self._circle(), size)

    def _circle(self) -> Field:
        """Return 1 inside the view circle and 0 outside, at half size."""
        height, width = self._half
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
        inside: Field = np.clip(self.radius / 2 - distance + 0.5, 0, 1).astype(np.float32)
        return inside

    def __iter__(self) -> Iterator[tuple[int, Planes]]:
        """Yield stamp and planes of every frame in order."""
        with ThreadPoolExecutor(AHEAD) as painters:  # NumPy paints without the GIL
            waiting: deque[tuple[int, Future[Planes]]] = deque()
            for number in range(int(LENGTH_SECONDS * FPS)):
                amounts = self._amounts(number / FPS)
                if "gap" in amounts:
                    continue
                if "frozen" in amounts and waiting:
                    painted = waiting[-1][1]
                else:
                    painted = painters.submit(self.planes, number / FPS)
                waiting.append((number * TICKS, painted))
                if len(waiting) > AHEAD:
                    pts, ready = waiting.popleft()
                    yield pts, ready.result()
            for pts, ready in waiting:
                yield pts, ready.result()

    def _amounts(self, seconds: float) -> dict[Kind, float]:
        """Return the faults at `seconds`, each with its strength in 0…1."""
        found: dict[Kind, float] = {}
        for span in self.spans:
            # half a frame of slack: stamps in seconds are not exact in binary
            inside = seconds - span.start_seconds + 0.5 / FPS
            left = span.end_seconds - seconds - 0.5 / FPS
            if inside > 0 and left > 0:
                found[span.kind] = min(1.0, 0.25 + min(inside, left) / RAMP_SECONDS)
        return found

    def planes(self, seconds: float) -> Planes:
        """Return the (Y, U, V) planes of the frame at `seconds`, limited range."""
        amounts = self._amounts(seconds)
        detail = 1.0
        if "out_of_body" in amounts:
            span = next(span for span in self.spans if span.kind == "out_of_body")
            length = span.end_seconds - span.start_seconds
            picture = self._room.at(max(0.0, seconds - span.start_seconds), length)
            detail = 0.0
        else:
            picture = self._tissue.at(seconds)
            if "blur" in amounts:
                picture, detail = _mix(picture, _defocus(picture, 7), amounts["blur"]), 0.0
            if "smoke" in amounts:
                picture = self._smoke(picture, seconds, amounts["smoke"])
                detail = 1 - 0.7 * amounts["smoke"]
            if "glare" in amounts:
                picture = self._glare(picture, amounts["glare"])
        return self._finish(picture, seconds, detail)

    def _smoke(self, picture: Picture, seconds: float, amount: float) -> Picture:
        left = int((seconds * 0.06 % 1.0) * self._half[1])
        haze = np.clip(self._haze[:, left : left + self._half[1]] * amount, 0, 0.9)
        y, u, v = picture
        return y * (1 - haze) + 0.66 * haze, u * (1 - haze), v * (1 - haze)

    def _glare(self, picture: Picture, amount: float) -> Picture:
        height, width = self._half
        rows, columns = np.mgrid[:height, :width].astype(np.float32) / height
        x, y = columns - width / height / 2 - self._spot[0], rows - 0.5 - self._spot[1]
        flare = np.clip(1.9 * amount * np.exp(-((x / 0.34) ** 2 + (y / 0.26) ** 2)), 0, 1)
        luma, u, v = picture
        return luma + (1.05 - luma) * flare, u * (1 - flare), v * (1 - flare)

    def _finish(self, picture: Picture, seconds: float, detail: float) -> Planes:
        """Add fine grain, cut the view circle, and round to limited-range bytes."""
        y = doubled(picture[0], self._size)
        if detail > 0:
            # no grain where the sensor is saturated
            y += (
                y
                * (1 - np.clip(y, 0, 1))
                * ((self._tissue.grain(seconds) - 1) * np.float32(1.6 * detail))
            )
        y = np.clip(y, 0, 1) * self._mask * np.float32(219) + np.float32(16.5)
        mask = self._mask[::2, ::2] * np.float32(224)
        u, v = (np.clip(p * mask + np.float32(128.5), 16, 240.5) for p in picture[1:])
        return y.astype(np.uint8), u.astype(np.uint8), v.astype(np.uint8)


def _mix(sharp: Picture, soft: Picture, amount: float) -> Picture:
    y, u, v = (a + (b - a) * np.float32(amount) for a, b in zip(sharp, soft, strict=True))
    return y, u, v


def _defocus(picture: Picture, factor: int) -> Picture:
    y, u, v = (blurred(blurred(plane, factor), 3) for plane in picture)
    return y, u, v
