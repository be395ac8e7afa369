"""From the packets of a live feed to stamped frames: also for what was recorded of it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from time import monotonic_ns
from typing import Final

from videoengine.events import Draft
from videoengine.frames import Frame
from videoengine.media_time import NS_PER_SECOND, EpochClock, Outage, ns_from_pts
from videoengine.sources import PacketLedger, SourceInfo
from videoengine.streams.decoder import Picture
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.live_decoder import LiveDecoder
from videoengine.streams.packet_queue import Item, Opened, Received

REMEMBERED: Final = 128
"""Packets whose arrival is kept for the pictures that come out of the decoder later."""
HELD: Final = 8
"""Pictures without a stamp that wait for the first one with a stamp."""
WALL_UNCERTAINTY_NS: Final = 50_000_000
"""Of a wall anchor from sender reports: the sender's clock and its own delay are not known."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Trace:
    """What is known of the packet behind a picture."""

    arrival_ns: int
    file: str | None
    wall_s: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Continuation:
    """Where a feed goes on that another process, or another reader, was reading before."""

    clock: EpochClock
    """As it stood after the last frame."""
    seq: int
    """Number of the next frame."""
    last_arrival_ns: int
    """Monotonic clock when the last packet came."""


class LiveFramer:
    """Decodes, stamps and counts what a feed's reader hands on. The engine's feeder owns it."""

    def __init__(
        self,
        info: SourceInfo,
        clock: EpochClock,
        packets: PacketLedger,
        config: LiveConfig,
        announced: deque[Draft],
    ) -> None:
        """Stamp by `clock` and count in `packets`, both shared with the source."""
        self.info = info
        self.clock, self.packets = clock, packets
        self.reconnects = 0
        self.decoder = LiveDecoder(config, packets, announced)
        self._traces: dict[int, _Trace] = {}
        self._early: deque[_Trace] = deque(maxlen=HELD)
        """Of packets without a stamp."""
        self._held: list[Picture] = []
        self._outage: str | None = None
        self._attempts = 0
        self._seq = 0
        self._packet_ns: int | None = None
        self._hole = False
        """The packets themselves left a hole since the last picture."""
        self._last_arrival_ns: int | None = None
        self._last_ns = 0

    def go_on(self, after: Continuation) -> None:
        """Make the next frame open an epoch that follows what was read before."""
        self._outage, self._seq = "interrupted", after.seq
        self._last_arrival_ns = after.last_arrival_ns

    def frames(self, item: Item) -> Iterator[Frame]:
        """Yield the frames that an item completes, in presentation order."""
        for picture in self._pictures(item):
            yield from self._stamped(picture)

    def _pictures(self, item: Item) -> Iterator[Picture]:
        if isinstance(item, Opened):
            self._attempts = item.attempts
            self.decoder.open(item)
            rate = item.rate_fps
            self.clock.nominal_hint_ns = None if not rate else round(NS_PER_SECOND / rate)
            self._traces.clear()
            self._early.clear()
            self._held.clear()
        elif isinstance(item, Received):
            if item.stale:
                self.packets.skip("stale")
                return
            trace = _Trace(item.arrival_ns, item.file, item.wall_s)
            if item.packet.pts is None:
                self._early.append(trace)
            else:
                self._watch(ns_from_pts(item.packet.pts, item.packet.time_base))
                while len(self._traces) >= REMEMBERED:
                    del self._traces[next(iter(self._traces))]
                self._traces[item.packet.pts] = trace
            yield from self.decoder.decode(item)
        else:
            yield from self.decoder.end(stale=item.stale)
            self._outage = item.why

    def _watch(self, at_ns: int) -> None:
        """Note a hole in the packets: those that the decoder leaves out make none."""
        last_ns, self._packet_ns = self._packet_ns, at_ns
        if last_ns is not None and abs(at_ns - last_ns) > self.clock.hole_ns(self.clock.nominal_ns):
            self._hole = True

    def _stamped(self, picture: Picture) -> Iterator[Frame]:
        """Stamp a picture; those before the first stamp get theirs from it."""
        fresh = self.clock.epoch is None or self._outage is not None
        if picture.pts is None and fresh:
            self._held.append(picture)
            if len(self._held) > HELD:
                self._held.pop(0)
                self.packets.skip("unstamped")
            return
        held, self._held = self._held, []
        for number, early in enumerate(held):
            assert picture.pts is not None
            step = round(
                Fraction(self.clock.nominal_hint_ns or 0, NS_PER_SECOND) / picture.time_base
            )
            pts = picture.pts - (len(held) - number) * step
            trace = self._early.popleft() if self._early else None
            yield from self._framed(dataclasses.replace(early, pts=pts), trace)
        trace = self._traces.pop(picture.pts, None) if picture.pts is not None else None
        yield from self._framed(picture, trace)

    def _framed(self, picture: Picture, trace: _Trace | None) -> Iterator[Frame]:
        arrival_ns = monotonic_ns() if trace is None else trace.arrival_ns
        outage = None
        if self._outage is not None and self.clock.epoch is not None:
            last_ns = self._last_arrival_ns
            elapsed_ns = 0 if last_ns is None else max(0, arrival_ns - last_ns)
            outage = Outage(self._outage, elapsed_ns, self._attempts)
        elif self._hole:
            outage = self._jump(picture, arrival_ns)
        # Containers of live feeds state no durations, or wrong ones: the nominal period holds.
        stamp = self.clock.stamp(
            picture.pts,
            None,
            picture.time_base,
            picture.format_key,
            outage,
            unbroken=self.decoder.leaves_out and not self._hole,
        )
        if stamp is None:
            self.packets.skip("unstamped" if picture.pts is None else "repeated_stamp")
            return
        self._outage, self._hole = None, False
        self._last_ns = stamp.pts_ns
        if outage is not None and outage.cause == "reconnect":
            self.reconnects += outage.why != "interrupted"
        self._anchor(trace)
        self._last_arrival_ns = arrival_ns
        self.packets.decoded += 1
        self._describe(picture)
        self._seq += 1
        yield Frame(
            self.clock.stream_id,
            "mono",
            stamp.epoch,
            self._seq - 1,
            stamp.pts,
            stamp.pts_ns,
            stamp.duration_ns,
            arrival_ns,
            stamp.pts_source,
            picture.pixels,
        )

    def _jump(self, picture: Picture, arrival_ns: int) -> Outage | None:
        """Tell a clock that jumped forward from a hole in which time really passed."""
        if picture.pts is None or self._last_arrival_ns is None:
            return None
        interval_ns = ns_from_pts(picture.pts, picture.time_base) - self._last_ns
        elapsed_ns = max(0, arrival_ns - self._last_arrival_ns)
        if interval_ns <= self.clock.hole_ns(self.clock.nominal_ns) or 2 * elapsed_ns > interval_ns:
            return None
        return Outage("clock_jump", elapsed_ns, 0, "forward_jump")

    def _anchor(self, trace: _Trace | None) -> None:
        """Note at an epoch's first frame where it is recorded and what the wall clock was."""
        epoch = self.clock.epoch
        if epoch is None or trace is None or (self.clock.gap is None and self._seq):
            return
        wall = None
        if trace.wall_s is not None:
            wall = datetime.fromtimestamp(trace.wall_s, UTC).isoformat(timespec="milliseconds")
        self.clock.epoch = dataclasses.replace(
            epoch,
            media_file=None if trace.file is None else f"quarantine/{trace.file}",
            wall_anchor=wall,
            uncertainty=None if wall is None else WALL_UNCERTAINTY_NS,
        )

    def _describe(self, picture: Picture) -> None:
        pixels = picture.pixels
        if self.info.size == pixels.size and self.info.codec == self.decoder.codec:
            return
        hint = self.clock.nominal_hint_ns
        self.info = dataclasses.replace(
            self.info,
            codec=self.decoder.codec,
            size=pixels.size,
            time_base=picture.time_base,
            rate_fps=NS_PER_SECOND / hint if hint else None,
            sample_aspect_ratio=pixels.sample_aspect_ratio,
            bit_depth=pixels.bit_depth,
        )
