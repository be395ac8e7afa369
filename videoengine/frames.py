"""Frames: a stamp, and a lazy handle on the decoder's own pixels."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.media_time import PtsSource

Layout = Literal["yuv420p", "nv12", "p010", "rgb24", "gray"]
Matrix = Literal["bt601", "bt709", "bt2020"]
Planes = tuple[NDArray[Any], ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Color:
    """How Y, U and V become R, G and B."""

    matrix: Matrix = "bt709"
    full_range: bool = False


class Pixels:
    """A read-only handle on one decoded picture, in the layout the decoder left it in.

    Nothing is touched until somebody asks: `planes()` gives the decoder's memory as it is,
    `rgb()` converts and resizes in one pass and keeps the result per (size, dtype). Planes are
    uint8, or uint16 when `bit_depth` is above 8: Y is (H, W); yuv420p has U and V of
    (⌈H/2⌉, ⌈W/2⌉); nv12 and p010 one UV plane of (⌈H/2⌉, ⌈W/2⌉, 2), p010 with its bits at the
    top; rgb24 is (H, W, 3); gray (H, W). H and W are the coded size, before `rotation`.
    """

    __slots__ = (
        "_derived",
        "_load",
        "_planes",
        "bit_depth",
        "color",
        "device",
        "layout",
        "ready",
        "rotation",
        "sample_aspect_ratio",
        "size",
    )

    def __init__(
        self,
        load: Callable[[], Planes],
        *,
        layout: Layout,
        size: tuple[int, int],
        bit_depth: int = 8,
        color: Color | None = None,
        sample_aspect_ratio: Fraction = Fraction(1),
        rotation: int = 0,
        device: str = "cpu",
        ready: Any = None,
    ) -> None:
        """Wrap planes that `load` returns when first asked.

        Args:
            load: Returns the planes; called at most once.
            layout: Memory layout of the planes.
            size: Coded (width, height) in pixels.
            bit_depth: Bits a sample, 8 to 16.
            color: Matrix and range; by default BT.709, limited range.
            sample_aspect_ratio: Width of a pixel over its height.
            rotation: Clockwise turn that shows the picture upright: 0, 90, 180 or 270 degrees.
            device: `cpu` or `cuda:N`.
            ready: Event that consumers on a GPU wait on in their own stream.
        """
        self._load = load
        self._planes: Planes | None = None
        self._derived: dict[Hashable, Any] = {}
        self.layout: Layout = layout
        self.size = size
        self.bit_depth = bit_depth
        self.color = color if color is not None else Color()
        self.sample_aspect_ratio = sample_aspect_ratio
        self.rotation = rotation
        self.device = device
        self.ready = ready

    @property
    def display_size(self) -> tuple[int, int]:
        """Displayed (width, height): square pixels, upright."""
        width, height = self.size
        if self.sample_aspect_ratio > 1:
            width = round(width * self.sample_aspect_ratio)
        elif self.sample_aspect_ratio < 1:
            height = round(height / self.sample_aspect_ratio)
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def planes(self) -> Planes:
        """Return the decoder's planes as they are; read-only arrays (also DLPack exporters)."""
        if self._planes is None:
            planes = self._load()
            for plane in planes:
                plane.flags.writeable = False
            self._planes = planes
        return self._planes

    def derived(self, key: Hashable, compute: Callable[[Pixels], T]) -> T:
        """Return `compute(self)`, computed once per `key`: two stages share one pass."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        value: T = self._derived[key]
        return value

    def rgb(
        self, size: int | tuple[int, int] | None = None, dtype: DTypeLike = np.uint8
    ) -> NDArray[Any]:
        """Return the upright picture as RGB, converted and resized in one pass.

        Args:
            size: Displayed (width, height), or the length of the shorter displayed side with the
                aspect kept (both sides even), or None for the displayed size.
            dtype: uint8 (0 to 255), or a floating type (0 to 1).

        Returns:
            Read-only (H, W, 3) array.
        """
        target = self.target_size(size)
        kind = np.dtype(dtype)
        return self.derived(("rgb", target, kind.str), lambda _: self._convert(target, kind))

    def target_size(self, size: int | tuple[int, int] | None) -> tuple[int, int]:
        """Return the (width, height) of the picture that `rgb(size)` gives."""
        width, height = self.display_size
        if isinstance(size, int):
            short = min(width, height)
            width, height = (max(2, 2 * round(side * size / short / 2)) for side in (width, height))
        elif size is not None:
            width, height = size
        if width < 1 or height < 1:
            raise UsageError("A picture needs a positive size", got=size, allowed="1 or more")
        return width, height

    def _convert(self, target: tuple[int, int], kind: np.dtype[Any]) -> NDArray[Any]:
        if kind != np.uint8 and kind.kind != "f":
            raise UsageError("dtype of a picture", got=kind, allowed="uint8 or a floating type")
        if kind != np.uint8:
            out: NDArray[Any] = self.rgb(target).astype(kind) * kind.type(1 / 255)
        else:
            turned = self.rotation in (90, 270)
            coded = (target[1], target[0]) if turned else target
            out = np.empty((coded[1], coded[0], 3), np.uint8)
            _native.color_conversion(
                list(self.planes()),
                out,
                self.layout,
                self.bit_depth,
                self.color.matrix,
                self.color.full_range,
            )
            if self.rotation:
                out = np.ascontiguousarray(np.rot90(out, k=-(self.rotation // 90)))
        out.flags.writeable = False
        return out

    def __dlpack__(self, **options: Any) -> Any:
        """Export the first plane (Y, or the packed RGB) by DLPack 1.0, read-only, uncopied."""
        return self.planes()[0].__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the DLPack device of the planes."""
        return self.planes()[0].__dlpack_device__()


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture with its own stamp."""

    stream_id: str
    view: str
    """Which eye or camera of the stream: `mono`, `left`, `right`."""
    epoch: int
    seq: int
    """Number of the frame in its stream, from 0, never reset."""
    pts: int
    """Presentation stamp in ticks of the epoch's time base."""
    pts_ns: int
    duration_ns: int
    arrival_ns: int
    """Monotonic clock when the frame left the decoder; only latency is computed from it."""
    pts_source: PtsSource
    pixels: Pixels

    @property
    def end_ns(self) -> int:
        """Stamp plus duration, in nanoseconds."""
        return self.pts_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames of one epoch at a declared rate."""

    frames: tuple[Frame, ...]
    rate_hz: float
    index: int
    """Number of the clip in its epoch, from 0, at the stage's stride."""
    closes: bool = False
    """Taken because its epoch ended, when the next frame came: its age tells of the outage."""

    @property
    def start_ns(self) -> int:
        """Stamp of the first frame."""
        return self.frames[0].pts_ns

    @property
    def end_ns(self) -> int:
        """Stamp plus duration of the last frame."""
        return self.frames[-1].end_ns

    @property
    def last(self) -> Frame:
        """The frame that completes the clip."""
        return self.frames[-1]
