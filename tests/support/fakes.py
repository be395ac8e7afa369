"""Streams and stages in memory, for tests of the spine: no codec, no model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from videoengine.cards import MODALITIES, ModelCard
from videoengine.events import Draft, Event
from videoengine.frames import Frame, Pixels
from videoengine.media_time import EpochClock
from videoengine.payloads import MeasurementPayload
from videoengine.sources import LiveStatus, PacketLedger, SourceInfo
from videoengine.stages import NamedArray, Result, StageSpec, Work

TIME_BASE = Fraction(1, 1000)


def gray(value: int, size: tuple[int, int] = (16, 8)) -> Pixels:
    """Return a flat gray picture."""
    plane = np.full((size[1], size[0]), value % 256, np.uint8)
    return Pixels(lambda: (plane,), layout="gray", size=size)


class FakeSource:
    """Frames of given stamps in milliseconds; frame n is gray with value `values[n]`."""

    def __init__(
        self,
        stamps: Sequence[int],
        *,
        values: Sequence[int] | None = None,
        stream_id: str = "s0",
        pace_s: float = 0.0,
        failure: str | None = None,
        on_frame: Callable[[int], None] | None = None,
    ) -> None:
        self._stamps = list(stamps)
        self._values = list(values) if values is not None else list(range(len(stamps)))
        self._next = 0
        self._pace_s = pace_s
        self._on_frame = on_frame
        self._failure = failure
        self.clock = EpochClock(stream_id, nominal_hint_ns=40_000_000)
        self.packets = PacketLedger()
        self.is_live = False
        self.closed = False
        self.info = SourceInfo(
            "fake", "fake", "none", "raw", (16, 8), TIME_BASE, 25.0, None, len(self._stamps)
        )
        # Opening reads the first frame, as every source does.
        self._first = self._stamp(0)

    @property
    def failure(self) -> str | None:
        return self._failure if self._next == len(self._stamps) else None

    def _stamp(self, index: int) -> Frame:
        stamp = self.clock.stamp(self._stamps[index], 40, TIME_BASE, "raw 16x8")
        assert stamp is not None
        self.packets.demuxed += 1
        self.packets.decoded += 1
        return Frame(
            self.clock.stream_id,
            "mono",
            stamp.epoch,
            index,
            stamp.pts,
            stamp.pts_ns,
            stamp.duration_ns,
            time.monotonic_ns(),
            stamp.pts_source,
            gray(self._values[index]),
        )

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._stamps):
            index = self._next
            frame = self._first if index == 0 else self._stamp(index)
            self._next += 1
            if self._on_frame is not None:
                self._on_frame(index)
            if self._pace_s:
                time.sleep(self._pace_s)
            yield frame

    def position(self) -> dict[str, Any]:
        return {"next": self._next, "clock": self.clock.encode()}

    def resume(self, position: Mapping[str, Any], replay: Sequence[int]) -> dict[int, Pixels]:
        self._next = position["next"]
        self.clock.decode(position["clock"])
        return {pts: gray(self._values[self._stamps.index(pts)]) for pts in replay}

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MeanStage:
    """States the mean gray of its clip and the running sum; hands on the mean as an array."""

    def __init__(
        self,
        name: str = "mean",
        *,
        hook: Callable[[Sequence[Work]], Any] | None = None,
        modalities: tuple[str, ...] = MODALITIES,
        **spec: Any,
    ) -> None:
        card = ModelCard(f"test/{name}", "test", 1, modalities=modalities)
        self.spec = StageSpec(name, card, **{"rate_hz": 5.0, **spec})
        self.hook = hook
        self.batches: list[int] = []

    def open(self, stream_id: str) -> dict[str, float]:
        return {"sum": 0.0}

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        self.batches.append(len(works))
        if self.hook is not None:
            answer = self.hook(works)
            if answer is not None:
                return answer  # type: ignore[no-any-return]
        results: list[Result] = []
        sums: dict[str, float] = {}
        for work in works:
            total: Any = sums.get(work.stream_id, work.state["sum"])
            mean = float(np.mean([frame.pixels.planes()[0].mean() for frame in work.clip.frames]))
            handed = sum(float(array.array.sum()) for array in work.inputs.values())
            total = total + mean + handed
            sums[work.stream_id] = total
            payload = MeasurementPayload("mean", total, "gray", None, mean, None)
            outputs = tuple(
                NamedArray(name, np.array([mean], np.float32)) for name in self.spec.provides
            )
            results.append(Result((Draft("measurement", payload),), outputs, {"sum": total}))
        return results

    def encode(self, state: Any) -> bytes:
        return json.dumps(state).encode()

    def decode(self, data: bytes) -> Any:
        return json.loads(data)


class ListSink:
    """Keeps events and checkpoints in memory; can stop taking them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def put(self, events: Sequence[Event]) -> None:
        with self.lock:
            self.events.extend(events)

    def checkpoint(self, row: dict[str, Any]) -> None:
        with self.lock:
            self.checkpoints.append(
                {**json.loads(json.dumps(row)), "events_before": len(self.events)}
            )

    def canonical(self) -> list[str]:
        return [event.canonical() for event in self.events]


class FakeFeed(FakeSource):
    """A live feed in memory: frames come at their stamps, `speed` times as fast, or until `stop`.

    It may stand still for a while before one frame, raise at another, and announce drafts.
    """

    def __init__(
        self,
        stamps: Sequence[int],
        *,
        speed: float = 1.0,
        stall: tuple[int, float] | None = None,
        raises: tuple[int, Exception] | None = None,
        announce: Mapping[int, Sequence[Draft]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(stamps, **options)
        self.is_live = True
        self._speed, self._stall, self._raises = speed, stall, raises
        self._announce = dict(announce or {})
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic() - self._stamps[0] / 1000 / self._speed
        while self._next < len(self._stamps):
            index = self._next
            if self._stall is not None and index == self._stall[0]:
                self._stopped.wait(self._stall[1])
                began += self._stall[1]
            wait = began + self._stamps[index] / 1000 / self._speed - time.monotonic()
            if self._stopped.wait(max(0.0, wait)):
                return
            if self._raises is not None and index == self._raises[0]:
                raise self._raises[1]
            frame = self._first if index == 0 else self._stamp(index)
            self._next += 1
            yield replace(frame, arrival_ns=time.monotonic_ns())

    def status(self) -> LiveStatus:
        return LiveStatus("closed" if self._stopped.is_set() else "live", recorded_bytes=5)

    def announcements(self) -> Sequence[Draft]:
        return self._announce.pop(self._next - 1, ())

    def stop(self) -> None:
        self._stopped.set()
