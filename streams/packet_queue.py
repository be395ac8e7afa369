"""What a live feed's reader hands to its decoder, and the bounded queue between them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from av.packet import Packet
from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection gave its first packet."""

    codec: str
    extradata: bytes | None
    time_base: Fraction | None
    rate_fps: float | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Received:
    """One packet of the open connection."""

    packet: Packet[VideoStream]
    arrival_ns: int
    file: str | None
    """Recording that holds it."""
    wall_s: float | None
    """Sender's wall clock for this packet, seconds since 1970, once it has stated one."""
    stale: bool = False
    """It was held back over a silence: recorded, but never decoded."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; `stale` tells that what the decoder still holds is old."""

    why: str
    stale: bool


Item = Opened | Received | Lost


class PacketQueue:
    """Items from the reader to the decoder; counts what waits, and how long."""

    def __init__(self, limit_bytes: int) -> None:
        """Hold up to `limit_bytes` of packets."""
        self._items: deque[Item] = deque()
        self._limit = limit_bytes
        self._condition = threading.Condition()
        self._bytes = 0
        self._skipping = False

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Queue an item; return False when a packet had to be left out for want of room."""
        with self._condition:
            if isinstance(item, Received):
                size = item.packet.size
                if self._skipping and item.packet.is_keyframe and self._bytes < self._limit // 2:
                    self._skipping = False
                if self._skipping or self._bytes + size > self._limit:
                    self._skipping = True
                    return False
                self._bytes += size
            self._items.append(item)
            self._condition.notify()
            return True

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until packets may be put; return whether they may."""
        with self._condition:
            return self._condition.wait_for(lambda: self._bytes < self._limit // 2, timeout_s)

    def take(self, timeout_s: float) -> Item | None:
        """Return the oldest item, or None when none came in time."""
        with self._condition:
            if not self._items:
                self._condition.wait(timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            if isinstance(item, Received):
                self._bytes -= item.packet.size
                self._condition.notify_all()
            return item

    def wake(self) -> None:
        """End a wait."""
        with self._condition:
            self._condition.notify_all()
