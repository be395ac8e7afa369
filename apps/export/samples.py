"""What one stage stated, sample by sample, in case time: for formats of boxes and of datasets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from videoengine.apps.export.request import Request
from videoengine.apps.export.spans import Span, span_at, spans_of
from videoengine.apps.export.speakers import chosen_stage, person
from videoengine.apps.source_record import reopen_source
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import closed_runs, owner

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that a stage stated of one sample."""

    epoch: int
    start_ns: int
    """Case time."""
    end_ns: int
    """Case time, of what lasts longest."""
    payloads: tuple[dict[str, Any], ...]
    ends_ns: tuple[int, ...]
    """Case time at which each of them ends."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The moments of the stage that speaks for a kind, in order of case time."""

    stage: str
    period_ns: int
    spans: tuple[Span, ...]
    moments: tuple[Moment, ...]
    starts: tuple[int, ...]

    def at(self, case_ns: int) -> Moment | None:
        """Return what holds at a case time, or None where nothing was stated.

        A model's sample holds until its next one is due; what a person said, as long as they said.
        """
        index = bisect_right(self.starts, case_ns) - 1
        span = span_at(self.spans, case_ns)
        if index < 0 or span is None:
            return None
        moment = self.moments[index]
        holds_ns = moment.end_ns - moment.start_ns
        if not person(self.stage):
            holds_ns = max(holds_ns, self.period_ns)
        inside = moment.epoch == span.epoch.index and case_ns - moment.start_ns < holds_ns
        return moment if inside else None

    def step(self, rate_fps: Fraction) -> int:
        """Return how many frames lie from one sample to the next."""
        return max(1, round(self.period_ns * rate_fps / NS_PER_SECOND))


def samples_of(case: Case, kind: str) -> Samples:
    """Return the samples of a kind, of the stage that speaks for it."""
    runs = closed_runs(case.events("run", verify=False))
    spans = spans_of(case)
    epochs = {span.epoch.index: span.epoch for span in spans}
    rows: dict[str, dict[tuple[int, int], list[tuple[int, Any]]]] = {}
    for event in case.events(kind, verify=False):
        if event.run_id != runs.by_stage.get(owner(event.stage, runs.by_stage)):
            continue
        place = (event.epoch, event.start_ns)
        rows.setdefault(event.stage, {}).setdefault(place, []).append((event.end_ns, event.payload))
    if not rows:
        return Samples("", NS_PER_SECOND, spans, (), ())
    stage = chosen_stage(rows)
    config = runs.configs.get(owner(stage, runs.configs), {})
    moments: list[Moment] = []
    for (epoch, start_ns), said in rows[stage].items():
        ends_ns = tuple(epochs[epoch].case_ns(end_ns) for end_ns, _ in said)
        start_ns = epochs[epoch].case_ns(start_ns)
        payloads = tuple(payload for _, payload in said)
        moments.append(Moment(epoch, start_ns, max(ends_ns), payloads, ends_ns))
    moments.sort(key=lambda moment: moment.start_ns)
    period_ns = round(NS_PER_SECOND / float(config.get("rate_hz", 1.0)))
    starts = tuple(moment.start_ns for moment in moments)
    return Samples(stage, period_ns, spans, tuple(moments), starts)


def boxed(moment: Moment) -> Iterator[tuple[dict[str, Any], Box]]:
    """Yield the labels of a moment that have a box, with it."""
    for payload in moment.payloads:
        if payload.get("label") and payload.get("box"):
            yield payload["label"], tuple(payload["box"])


def vocabulary_names(samples: Sequence[Samples], default: str) -> list[str]:
    """Return the vocabularies that the labels of samples are terms of."""
    found: dict[str, None] = {}
    for one in samples:
        for moment in one.moments:
            for payload in moment.payloads:
                if payload.get("label"):
                    found[payload["label"]["vocabulary"]] = None
    return list(found) or [default]


def picture_size(request: Request) -> tuple[int, int]:
    """Return (width, height) in pixels of the pictures as they are displayed.

    Raises:
        SourceError: The source is gone or changed: pixels are counted in it.
    """
    source = reopen_source(request.case, request.source)
    try:
        width, height = source.info.size
        return (height, width) if source.info.rotation % 180 else (width, height)
    finally:
        source.close()
