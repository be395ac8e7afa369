"""Who was seen at work in the body: samples wait until it is known where the camera was."""

from __future__ import annotations

from collections import deque
from typing import Final

from videoengine.events import Event
from videoengine.gate import JOIN_PERIODS
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import Runs, TimelineBuilder

SEEN: Final = ("instrument", "triplet")
"""Kinds of what is seen at work: outside the body a model's word for it counts nothing."""
IN_BODY: Final = "in_body"
PRIVACY: Final = "privacy"
LAG_NS: Final = 60 * NS_PER_SECOND
"""A privacy stage that lies this far behind has stopped; nothing waits for it any longer."""


class InBody:
    """Passes on the events of `SEEN` that lie in the body, in their order, and holds back the rest.

    A sample lies in the body where the privacy stage's samples before and after it say so, or where
    it comes before the next tick after the last of them. Where no privacy stage ran, all pass.
    """

    def __init__(self, builder: TimelineBuilder, runs: Runs) -> None:
        """Take the builder that the same events are folded by.

        Args:
            builder: Knows which run speaks for a stage.
            runs: Of the log.
        """
        self._builder = builder
        self._expected = any(name.partition(".")[0] == PRIVACY for name in runs.by_stage)
        self._period_ns = builder.period_ns(PRIVACY)
        self._waiting: deque[Event] = deque()
        self._span: list[int] | None = None
        """Of the newest stretch in the body: epoch, start, start of its last sample, reach."""
        self._checked = False

    def add(self, event: Event) -> list[Event]:
        """Take the next event of the log; return those of `SEEN` that are decided to count."""
        if event.kind == PRIVACY and self._builder.speaks(event):
            return self._sampled(event)
        if event.kind not in SEEN or not self._builder.speaks(event):
            return []
        if not self._expected:
            return [event]
        self._waiting.append(event)
        return self._decided(event.epoch, event.start_ns - LAG_NS) if self._checked else []

    def _sampled(self, event: Event) -> list[Event]:
        self._checked = True
        found: list[Event] = []
        if event.payload["reason"] is None:
            length_ns = event.end_ns - event.start_ns
            reach_ns = event.start_ns + max(self._period_ns, length_ns)
            span = self._span
            if span is not None and self._joins(span, event, length_ns):
                span[2:] = [event.start_ns, max(span[3], reach_ns)]
            else:
                found = self._decided(event.epoch, event.start_ns - 1)
                self._span = [event.epoch, event.start_ns, event.start_ns, reach_ns]
        return found + self._decided(event.epoch, event.start_ns)

    def _joins(self, span: list[int], event: Event, length_ns: int) -> bool:
        """Tell whether a sample in the body goes on with the stretch before it."""
        period_ns = max(self._period_ns, length_ns)
        near = event.start_ns - span[2] < JOIN_PERIODS * period_ns or event.start_ns <= span[3]
        return span[0] == event.epoch and near

    def _decided(self, epoch: int, until_ns: int) -> list[Event]:
        """Return what counts of what waits up to a stamp; all of earlier epochs is decided."""
        found: list[Event] = []
        while self._waiting:
            first = self._waiting[0]
            if first.epoch == epoch and first.start_ns > until_ns:
                break
            self._waiting.popleft()
            if self._counts(first):
                found.append(first)
        return found

    def _counts(self, event: Event) -> bool:
        span = self._span
        return span is not None and span[0] == event.epoch and span[1] <= event.start_ns < span[3]

    def close(self) -> list[Event]:
        """Return what counts of what still waits, at the end of the log."""
        left = list(self._waiting)
        self._waiting.clear()
        return [event for event in left if self._counts(event)] if self._checked else left
