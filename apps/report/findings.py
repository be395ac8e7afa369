"""What a reader should look at, in order of time: folded from the log in one pass."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from videoengine.apps.pictures import Moment
from videoengine.apps.report.shedding import rows_of
from videoengine.apps.report.workflow import KINDS
from videoengine.apps.wording import PRIVACY, mark_detail, mark_title, plain, segment_title
from videoengine.case import Case
from videoengine.events import Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import SEVERITIES, Segment, Timeline

MERGE_NS: Final = 2 * NS_PER_SECOND
"""Stretches of the same finding nearer than this are one row."""
STRIP: Final = 12
"""Pictures in the regular strip across the case."""
QUIET: Final = ("audit", "question", "answer", "note", "reported", "correction", "signature")
"""Kinds that are no finding about the video."""
FOLDED: Final = ("gap", "reconnect", "drop", "load_shed")
"""Kinds of which many marks make one row."""


@dataclass(slots=True)
class Finding:
    """One row of the table; times are case time in nanoseconds."""

    kind: str
    name: str
    title: str
    start_ns: int
    end_ns: int
    detail: str = ""
    stretches: int = 1
    samples: int = 0
    stage: str = ""
    peak: float | None = None
    moment: Moment | None = None
    """Its evidence: the worst sample that may be shown, else the worst one."""
    _best: tuple[bool, float] = (False, -1.0)

    @property
    def length_ns(self) -> int:
        """Duration in nanoseconds."""
        return self.end_ns - self.start_ns

    def offer(self, moment: Moment, value: float, shown: bool) -> None:
        """Consider a sample as the evidence to show."""
        if (shown, value) > self._best:
            self.moment, self._best = moment, (shown, value)
        self.peak = value if self.peak is None else max(self.peak, value)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of case time in nanoseconds."""

    start_ns: int
    end_ns: int


@dataclass(slots=True)
class Story:
    """Everything the page tells beside the raw tables."""

    timeline: Timeline
    findings: list[Finding] = field(default_factory=list[Finding])
    hidden: list[Finding] = field(default_factory=list[Finding])
    """Stretches whose pictures the Gate holds back."""
    gaps: list[Span] = field(default_factory=list[Span])
    strip: list[tuple[int, Moment]] = field(default_factory=list[tuple[int, Moment]])
    """(case time, stamp) of the regular strip."""

    def moments(self) -> Iterator[Moment]:
        """Yield the stamps of every picture that may be shown."""
        wanted = [moment for _, moment in self.strip]
        wanted += [row.moment for row in self.findings if row.moment is not None]
        for moment in wanted:
            if self.timeline.gate.allows(moment.epoch, moment.pts_ns):
                yield moment


def tell(case: Case, timeline: Timeline) -> Story:
    """Fold a case into its story."""
    story = Story(timeline)
    quality = _merged(timeline.of("quality"))
    extents = _Extents(timeline)
    strip = _Strip(timeline)
    judge = _Judge(timeline, quality)
    before: dict[int, Moment] = {}
    for event in case.events(verify=False):
        extents.add(event)
        if event.kind in ("gap", "reconnect") and event.epoch in timeline.epochs:
            last = event.evidence[0]
            before[event.epoch] = Moment(last["epoch"], last["start_ns"])
        elif event.kind in ("quality", "privacy") and event.epoch in timeline.epochs:
            strip.add(event)
            if event.kind == "quality":
                judge.add(event)
    story.gaps = [Span(m.start_ns, m.end_ns) for m in timeline.marks if m.kind == "gap"]
    story.hidden = list(_hidden(timeline, extents))
    story.strip = strip.chosen()
    rows = [*story.hidden, *quality, *_labelled(timeline), *_marks(timeline, before)]
    story.findings = sorted(rows, key=lambda row: (row.start_ns, row.kind))
    return story


def _merged(segments: Iterable[Segment]) -> list[Finding]:
    """Return findings of the same name joined over short breaks, in order of time."""
    rows: list[Finding] = []
    newest: dict[str, Finding] = {}
    for segment in segments:
        row = newest.get(segment.name)
        if row is not None and segment.start_ns - row.end_ns <= MERGE_NS:
            row.end_ns = max(row.end_ns, segment.end_ns)
            row.stretches += 1
            row.samples += segment.samples
            continue
        row = Finding(
            segment.kind,
            segment.name,
            segment_title(segment),
            segment.start_ns,
            segment.end_ns,
            samples=segment.samples,
            stage=segment.stage,
        )
        newest[segment.name] = row
        rows.append(row)
    return rows


def _labelled(timeline: Timeline) -> Iterator[Finding]:
    for segment in timeline.segments:
        if segment.kind not in ("quality", "privacy", *KINDS):
            yield Finding(
                segment.kind,
                segment.name,
                segment_title(segment),
                segment.start_ns,
                segment.end_ns,
                samples=segment.samples,
                stage=segment.stage,
            )


def _marks(timeline: Timeline, before: dict[int, Moment]) -> Iterator[Finding]:
    for row in rows_of(timeline):
        yield Finding(
            row.kind,
            row.kind,
            row.title,
            row.start_ns,
            row.end_ns,
            detail=row.detail,
            stretches=row.stretches,
            stage=row.stage,
            moment=before.get(row.epoch) if row.kind in ("gap", "reconnect") else None,
        )
    for mark in timeline.marks:
        if mark.kind in QUIET or mark.kind in FOLDED:
            continue
        yield Finding(
            mark.kind,
            mark.kind,
            mark_title(mark),
            mark.start_ns,
            mark.end_ns,
            detail=mark_detail(mark),
            stage=mark.stage,
        )


class _Judge:
    """Finds, for every quality finding, its worst sample."""

    def __init__(self, timeline: Timeline, findings: list[Finding]) -> None:
        self._timeline = timeline
        self._rows: dict[str, list[Finding]] = {}
        for row in findings:
            self._rows.setdefault(row.name, []).append(row)

    def add(self, event: Event) -> None:
        """Consider a sample."""
        case_ns = self._timeline.case_ns(event.epoch, event.start_ns)
        shown = self._timeline.gate.allows(event.epoch, event.start_ns)
        for name in (*SEVERITIES, "frozen"):
            rows = self._rows.get(name)
            if not rows:
                continue
            index = bisect_right(rows, case_ns, key=lambda row: row.start_ns) - 1
            if index >= 0 and case_ns < rows[index].end_ns:
                moment = Moment(event.epoch, event.start_ns)
                rows[index].offer(moment, float(event.payload[name]), shown)


class _Strip:
    """Picks the sample nearest to each of a few regular places."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        step = max(1, timeline.end_ns // STRIP)
        self._places = [step // 2 + index * step for index in range(STRIP)]
        self._best: dict[int, tuple[int, int, Moment]] = {}

    def add(self, event: Event) -> None:
        """Consider a sample."""
        case_ns = self._timeline.case_ns(event.epoch, event.start_ns)
        index = bisect_right(self._places, case_ns)
        for place in (index - 1, index):
            if 0 <= place < STRIP:
                away = abs(case_ns - self._places[place])
                if place not in self._best or away < self._best[place][0]:
                    moment = Moment(event.epoch, event.start_ns)
                    self._best[place] = (away, case_ns, moment)

    def chosen(self) -> list[tuple[int, Moment]]:
        """Return (case time, stamp) in order, each once."""
        found = {moment: case_ns for _, case_ns, moment in self._best.values()}
        return sorted((case_ns, moment) for moment, case_ns in found.items())


class _Extents:
    """Where each epoch begins and ends, in stamps, and how long its frames are."""

    def __init__(self, timeline: Timeline) -> None:
        self.end_ns = {index: place.first_ns for index, place in timeline.epochs.items()}
        self.frame_ns: dict[int, int] = {}

    def add(self, event: Event) -> None:
        """Take an event's times into account."""
        rows = [(event.epoch, event.end_ns)]
        if event.kind in ("gap", "reconnect"):
            rows += [(item["epoch"], item["end_ns"]) for item in event.evidence]
        for epoch, end_ns in rows:
            if epoch in self.end_ns:
                self.end_ns[epoch] = max(self.end_ns[epoch], end_ns)
        if event.kind == "privacy":
            self.frame_ns[event.epoch] = event.end_ns - event.start_ns


def _hidden(timeline: Timeline, extents: _Extents) -> Iterator[Finding]:
    """Yield what the Gate does not show, epoch by epoch."""
    reasons = [s for s in timeline.of("privacy") if s.name != "in_body"]
    for epoch, place in sorted(timeline.epochs.items()):
        at, end = place.first_ns, extents.end_ns[epoch]
        frame_ns = extents.frame_ns.get(epoch, 0)
        for span in timeline.gate.spans(epoch):
            if span.start_ns > at:
                yield _withheld(timeline, epoch, at, span.start_ns, reasons)
            at = span.end_ns + frame_ns
        if end > at:
            yield _withheld(timeline, epoch, at, end, reasons)


def _withheld(
    timeline: Timeline, epoch: int, start_ns: int, end_ns: int, reasons: list[Segment]
) -> Finding:
    start, end = timeline.case_ns(epoch, start_ns), timeline.case_ns(epoch, end_ns)
    stated = [s for s in reasons if s.start_ns < end and s.end_ns > start]
    names = list(dict.fromkeys(s.name for s in stated))
    if "privacy" not in timeline.run.get("stages", {}):
        title, detail = "Not checked", "No privacy stage ran, so no picture may be shown"
    elif names:
        first = "out_of_body" if "out_of_body" in names else names[0]
        title = PRIVACY.get(first, plain(first))
        detail = "Hidden with the moments around it"
    else:
        title = "Not certain to be in the body"
        detail = "Too little unbroken evidence to show pictures"
    return Finding(
        "privacy",
        "hidden",
        title,
        start,
        end,
        detail=detail,
        samples=sum(segment.samples for segment in stated),
        stage="privacy",
    )
