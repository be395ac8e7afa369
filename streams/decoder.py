"""The protocol every decoder stands behind, and what it hands out.

A decoder reads one recorded video: container and codec together. It keeps the stream's own stamps
and touches no plane. PyAV is the first one; torchcodec, decord2, DALI and PyNvVideoCodec fit the
same members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from videoengine.errors import SourceError
from videoengine.frames import Pixels
from videoengine.sources import PacketLedger

LARGEST_SIDE: Final = 8192
LARGEST_AREA: Final = 64 * 1024 * 1024
"""Pictures above either limit are refused before a single one is decoded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture with the stamp the stream gave it."""

    pts: int | None
    duration: int | None
    """Ticks, or None where the stream states none."""
    time_base: Fraction
    format_key: str
    """Codec, pixel format, size and time base: a change opens an epoch."""
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container states about its video."""

    codec: str
    size: tuple[int, int]
    """Coded (width, height) in pixels."""
    time_base: Fraction
    rate_fps: float | None
    nominal_ns: int | None
    """Period of `rate_fps`, in nanoseconds."""
    duration_ns: int | None
    frame_count: int | None


class Decoder(Protocol):
    """Reads the pictures of one file in presentation order."""

    @property
    def name(self) -> str:
        """Which decoder this is, such as `pyav`."""
        ...

    @property
    def info(self) -> VideoInfo:
        """What the container states."""
        ...

    @property
    def failure(self) -> str | None:
        """Why reading ended before the end, or that parts were damaged; else None."""
        ...

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures from where the decoder stands; the ledger counts packets."""
        ...

    def restart(self, pts: int | None, *, counted: int) -> bool:
        """Stand where the picture stamped `pts` and all later ones come out whole.

        Args:
            pts: A stamp in ticks, or None for the very start.
            counted: Packets from the start that the ledger holds already.

        Returns:
            Whether the decoder is proven to stand there. If not, its place is undefined and the
            caller restarts from None, which always works.
        """
        ...

    def close(self) -> None:
        """Release the file; safe to call twice."""
        ...


class OpenDecoder(Protocol):
    """Opens a local file; what a decoder registers."""

    def __call__(self, path: Path, *, packets: PacketLedger) -> Decoder:
        """Open `path` and count its packets in `packets`; raise SourceError when unreadable."""
        ...


def check_size(width: int, height: int, where: object) -> None:
    """Refuse a picture size that no endoscope makes and no machine should allocate.

    Raises:
        SourceError: The size is not stated, or absurd.
    """
    if width < 1 or height < 1:
        raise SourceError(
            f"The video in {where} states no picture size",
            got=f"{width}x{height}",
            remedy="Check the file with a player, or export it again.",
        )
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_AREA:
        raise SourceError(
            f"The pictures in {where} are too large",
            got=f"{width}x{height}",
            allowed=f"up to {LARGEST_SIDE} pixels a side and {LARGEST_AREA // 1024**2} Mpx",
            remedy="Scale the video down first.",
        )
