"""Sources: the protocol every kind of video stands behind, and the truth that some know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal, Protocol, Self, runtime_checkable

from videoengine.errors import UsageError
from videoengine.events import SCHEMA, Draft, Event, Evidence, event_key, plain
from videoengine.frames import Frame, Pixels
from videoengine.media_time import EpochClock
from videoengine.stages import NamedArray

TRUTH: Final = "truth"
"""`stage` of the events that a source knows to be true."""


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
    content: str = ""
    """Of a made video, a hash of all that its pictures are computed from; else empty."""


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


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one frame by whoever made or annotated it."""

    events: tuple[Event, ...] = ()
    """Points of the stage `truth` that cover the frame: the kinds and payloads of the log."""
    arrays: tuple[NamedArray, ...] = ()
    """Those that were asked for, in the order of their names."""

    def of(self, kind: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self.events if event.kind == kind]

    def array(self, name: str) -> NamedArray:
        """Return the array of this name; it must have been asked for."""
        return next(array for array in self.arrays if array.name == name)


@runtime_checkable
class HasTruth(Protocol):
    """What a simulated or annotated source offers beside `Source`: trainers and scorers use it."""

    @property
    def truth_arrays(self) -> tuple[str, ...]:
        """Names of the arrays that `truth` can give."""
        ...

    def truth(self, frame: Frame, *, arrays: Collection[str] = ()) -> Truth:
        """Return what is known of a frame that this source yielded.

        Args:
            frame: The frame.
            arrays: Names of the arrays wanted. What can only be measured in a picture, such as
                the boxes of instruments, is stated where at least one is.

        Raises:
            UsageError: There is no such array.
        """
        ...


def with_truth(source: Source, *, arrays: Collection[str] = ()) -> Iterator[tuple[Frame, Truth]]:
    """Yield each frame of a source with what is known of it.

    Raises:
        UsageError: The source knows no truth, or not these arrays.
    """
    if not isinstance(source, HasTruth):
        raise UsageError(
            "Nothing is known of this video but its pictures",
            got=source.info.uri,
            allowed="a source that offers truth, such as sim://cholecystectomy?seed=7",
        )
    # Truth first: a source then makes the picture and the arrays in one go.
    return ((frame, source.truth(frame, arrays=arrays)) for frame in source)


def true_events(frame: Frame, drafts: Sequence[Draft]) -> tuple[Event, ...]:
    """Return what a source states about one of its frames, as events of the stage `truth`."""
    events: list[Event] = []
    for ordinal, draft in enumerate(drafts):
        place = (frame.pts_ns, frame.end_ns)
        key = event_key(frame.stream_id, frame.epoch, TRUTH, "", "", *place, draft.kind, ordinal)
        evidence = [Evidence(frame.stream_id, frame.epoch, *place).to_json()]
        events.append(
            Event(
                SCHEMA, -1, key, "", draft.kind, frame.stream_id, frame.epoch, *place, TRUTH,
                "", "", plain(draft.payload), draft.confidence, evidence,
            )
        )  # fmt: skip
    return tuple(events)
