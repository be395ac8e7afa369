"""A recorded video replayed at its own pace, as if it were live."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from videoengine.frames import Frame, Pixels
from videoengine.media_time import NS_PER_SECOND, EpochClock
from videoengine.sources import PacketLedger, Source, SourceInfo


class PacedSource:
    """Yields the frames of another source when they are due, by case time, and not earlier.

    A frame arrives when it is due, so age is counted from there: a decoder that falls behind adds
    to it, as it would on a live feed.
    """

    is_live = False

    def __init__(self, source: Source) -> None:
        """Replay `source`, which is closed with this one."""
        self._source = source
        self._stopped = threading.Event()

    @property
    def info(self) -> SourceInfo:
        """What the source knows about itself."""
        return self._source.info

    @property
    def clock(self) -> EpochClock:
        """The clock that stamps the frames."""
        return self._source.clock

    @property
    def packets(self) -> PacketLedger:
        """What became of the packets so far."""
        return self._source.packets

    @property
    def failure(self) -> str | None:
        """Why the source ended before its end, or None."""
        return self._source.failure

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in presentation order, each when it is due."""
        start_ns: int | None = None
        for frame in self._source:
            epoch = self.clock.epoch
            assert epoch is not None
            case_ns = epoch.case_ns(frame.pts_ns)
            if start_ns is None:  # also where a resumed replay goes on
                start_ns = time.monotonic_ns() - case_ns
            due_ns = start_ns + case_ns
            wait_s = (due_ns - time.monotonic_ns()) / NS_PER_SECOND
            if wait_s > 0 and self._stopped.wait(wait_s):
                return
            yield dataclasses.replace(frame, arrival_ns=due_ns)

    def position(self) -> dict[str, Any]:
        """Return where the source stands: after the frame yielded last."""
        return self._source.position()

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        """Go on from a `position`."""
        return self._source.resume(position, replay)

    def close(self) -> None:
        """Stop waiting and release the source."""
        self._stopped.set()
        self._source.close()

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the source."""
        self.close()
