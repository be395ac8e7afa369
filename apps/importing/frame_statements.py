"""Statements about numbered frames: what holds on a run of them, and boxes on single ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from videoengine.apps.importing.annotation import Found, Stated, Target
from videoengine.apps.importing.annotation_file import refuse
from videoengine.apps.importing.points import MOST_POINTS
from videoengine.models.datasets.annotations import Box
from videoengine.payloads import InstrumentPayload


class Frames(Protocol):
    """Where numbered frames lie in case time."""

    @property
    def rate_fps(self) -> Fraction:
        """Frames a second."""
        ...

    def start_ns(self, number: int) -> int:
        """Return the case time at which a frame begins."""
        ...

    def end_ns(self, number: int) -> int:
        """Return the case time at which a frame ends."""
        ...


@dataclass(slots=True)
class FrameStatements:
    """Collects what a file says of frames; made into statements once all is known."""

    target: Target
    frames: Frames
    step: int
    """Frames from one sample of the instruments to the next."""
    found: Found
    tools: list[tuple[int, int, str, str]] = field(default_factory=list[tuple[int, int, str, str]])
    """Instruments without boxes: first frame, number after the last, name, place."""
    boxes: int = 0

    def run(self, kind: str, name: str, first: int, after: int, place: str) -> None:
        """Add what holds from a frame to before another."""
        if kind == "instrument":
            self.tools.append((first, after, name, place))
            return
        payload = self.target.terms.payload(kind, name, place)
        self._state(kind, payload, first, after - 1, place, sampled=False)

    def box(self, name: str, number: int, box: Box, place: str) -> None:
        """Add an instrument in a box on one frame."""
        label = self.target.terms.label("instrument", name, place)
        self.boxes += 1
        self._state("instrument", InstrumentPayload(label, box), number, number, place)

    def samples(self, kind: str, name: str, frames: Mapping[int, str]) -> None:
        """Add what was stated of single frames, places by number; see `done` for their rate."""
        payload = self.target.terms.payload(kind, name, next(iter(frames.values()), ""))
        for number, place in frames.items():
            self._state(kind, payload, number, number, place)

    def done(self, apart: int = 1) -> Found:
        """Return all of it.

        Beside boxes, instruments without one are sampled as boxes are, so that one who is boxed at
        times stays one.

        Args:
            apart: Frames from one of the `samples` to the next.
        """
        for first, after, name, place in self.tools:
            payload = self.target.terms.payload("instrument", name, place)
            if not self.boxes:
                self._state("instrument", payload, first, after - 1, place, sampled=False)
                continue
            for number in _sampled(first, after, self.step):
                self._state("instrument", payload, number, number, place)
        for kind in {stated.kind for stated in self.found.stated if stated.sampled}:
            step = self.step if kind == "instrument" and self.boxes else apart
            self.found.rates_hz[kind] = self.frames.rate_fps / step
        return self.found

    def _state(
        self, kind: str, payload: Any, first: int, last: int, place: str, *, sampled: bool = True
    ) -> None:
        if len(self.found.stated) >= MOST_POINTS:
            refuse(place, "the file says too much", allowed=f"{MOST_POINTS} statements")
        span = self.frames.start_ns(first), self.frames.end_ns(last)
        self.found.stated.append(Stated(kind, payload, *span, place, sampled))


def _sampled(first: int, after: int, step: int) -> Iterator[int]:
    """Yield the frames of a run that are samples: its first, every step on, and its last."""
    yield from range(first, after, step)
    if (after - 1 - first) % step:
        yield after - 1


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, number after the last) of successive numbers."""
    first = after = None
    for number in sorted(set(numbers)):
        if after is None or first is None:
            first = number
        elif number != after:
            yield first, after
            first = number
        after = number + 1
    if first is not None and after is not None:
        yield first, after
