"""Sources: the protocol every kind of video stands behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Protocol, Self, runtime_checkable

from videoengine.events import Draft
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

    A recorded source reads its first frame when it is opened, so an unreadable video is refused
    before anything is written; a live one may be down, and is waited for. A source that ends early
    sets `failure`, a line for the log.
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


LiveState = Literal["connecting", "live", "stalled", "backoff", "closed"]
DecodeMode = Literal["all", "nonref", "nonkey"]
"""What a decoder leaves out: nothing, pictures no other needs, or all but key pictures."""


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """How a live feed fares at this moment, for people and metrics."""

    state: LiveState
    attempts: int = 0
    """Tries to connect since the feed was last live."""
    reconnects: int = 0
    """Times that the feed came back."""
    last_failure: str | None = None
    """Why the feed was lost last; no credentials."""
    retry_in_s: float = 0.0
    """Seconds until the next try; 0 unless in backoff."""
    received_bytes: int = 0
    recorded_bytes: int = 0
    recorded_packets: int = 0
    unrecorded_packets: int = 0
    """Packets that the disk refused."""
    waiting_packets: int = 0
    """Packets that the decoder has not seen yet."""
    decode_mode: DecodeMode = "all"


@runtime_checkable
class LiveFeed(Protocol):
    """What a live source offers beside `Source`; every method may be called from any thread."""

    def status(self) -> LiveStatus:
        """Return how the feed fares."""
        ...

    def announcements(self) -> Sequence[Draft]:
        """Return, once each, what the feed wants in the log: decoding stepped down, access denied.

        The engine states them at the newest frame.
        """
        ...

    def stop(self) -> None:
        """End the iteration after the frame yielded last; returns at once, safe to call twice."""
        ...
