"""Sources: the protocol every kind of video stands behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, Self

from videoengine.frames import Frame, Pixels
from videoengine.media_time import EpochClock


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source knows about itself before the first frame is analysed."""

    uri: str
    """As given, credentials removed."""
    kind: str
    """file, folder, sim, …: the scheme that opened it."""
    decoder: str
    codec: str
    size: tuple[int, int]
    """Coded (width, height) in pixels."""
    time_base: Fraction
    rate_fps: float | None
    """Average rate the container states, in frames a second; never a clock."""
    duration_ns: int | None
    """Length the container states, for progress bars only."""
    frame_count: int | None
    """Number of frames the container states, if it does; for progress bars only."""
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation: int = 0
    bit_depth: int = 8


@dataclass(slots=True)
class PacketLedger:
    """What became of the packets: demuxed, decoded, and skipped by cause."""

    demuxed: int = 0
    decoded: int = 0
    skipped: dict[str, int] = field(default_factory=dict[str, int])

    def skip(self, cause: str, count: int = 1) -> None:
        """Count frames or packets that were not decoded or not placed in time."""
        self.skipped[cause] = self.skipped.get(cause, 0) + count

    def to_json(self) -> dict[str, Any]:
        """Return the ledger's JSON form."""
        return {"demuxed": self.demuxed, "decoded": self.decoded, "skipped": dict(self.skipped)}


class Source(Protocol):
    """A video: an iterator of frames with close().

    The first frame is read when the source is opened, so an unreadable video is refused before
    anything is written. A source that ends early sets `failure`, a line for the log.
    """

    @property
    def info(self) -> SourceInfo:
        """What the source knows about itself."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether frames come at their own pace and cannot be asked for again."""
        ...

    @property
    def clock(self) -> EpochClock:
        """The clock that stamps the frames."""
        ...

    @property
    def packets(self) -> PacketLedger:
        """What became of the packets so far."""
        ...

    @property
    def failure(self) -> str | None:
        """Why the source ended before its end, or None."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in presentation order."""
        ...

    def position(self) -> dict[str, Any]:
        """Return, as JSON values, where the source stands: after the frame yielded last."""
        ...

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Go on from a `position`: the next frame yielded is the one that followed it.

        Args:
            position: What `position()` returned, in this or another process.
            replay: Stamps (ticks) of frames at or before the position, in its epoch, whose
                pixels an unfinished window still holds.

        Returns:
            The pixels of each frame in `replay`, by stamp.
        """
        ...

    def close(self) -> None:
        """Release the decoder; safe to call twice."""
        ...

    def __enter__(self) -> Self:
        """Return the source."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        ...
