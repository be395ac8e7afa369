"""The Timeline: what happened when, in case time, computed from the log and nothing else."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from videoengine.errors import CaseError
from videoengine.events import Event
from videoengine.gate import JOIN_PERIODS, Gate
from videoengine.media_time import NS_PER_SECOND

SEVERITIES: Final = ("blur", "exposure", "glare", "smoke", "soiling")
SEVERE: Final = 0.5
"""A quality severity above this makes a segment."""
SERIES_POINTS: Final = 1024
"""A drawn series holds at most this many points; neighbours are merged by their maximum."""
LABELLED: Final = ("procedure", "phase", "step", "instrument", "track", "segment")
UNFOLDED: Final = ("quality", "privacy", "triplet", "anticipation", *LABELLED)
"""Kinds stated at a rate: points that make segments or nothing, never single marks."""
REMAINING: Final = "remaining"
"""Name of the measurement that is stated at a rate as well: the time left."""
IMPORTED: Final = "import"
"""`preset` of a run that holds what people state: it adds stages, and analyzes nothing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch in which one stage stated the same thing at every sample."""

    kind: str
    stage: str
    name: str
    start_ns: int
    """Case time."""
    end_ns: int
    """Case time."""
    epoch: int
    samples: int
    confidence: float | None
    """Mean over the samples that state one."""
    first_key: str
    last_key: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A single statement: a gap, an error, a refusal, a drop."""

    kind: str
    stage: str
    start_ns: int
    end_ns: int
    epoch: int
    payload: dict[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an epoch lies in case time."""

    first_ns: int
    offset_ns: int
    cause: str


@dataclass(slots=True)
class _Open:
    """A segment that may still grow; stamps are those of the stream."""

    name: str
    stage: str
    epoch: int
    start_ns: int
    last_ns: int
    end_ns: int
    samples: int
    confidence: list[float]
    first_key: str
    last_key: str


@dataclass(slots=True)
class Series:
    """A signal over case time in a bounded number of points, each the maximum of its bin."""

    bin_ns: int = NS_PER_SECOND // 5
    points: dict[int, float] = field(default_factory=dict[int, float])

    def add(self, case_ns: int, value: float) -> None:
        """Add a sample."""
        index = case_ns // self.bin_ns
        self.points[index] = max(value, self.points.get(index, 0.0))
        if len(self.points) > SERIES_POINTS:
            self.bin_ns *= 2
            coarse: dict[int, float] = {}
            for old, peak in self.points.items():
                coarse[old // 2] = max(peak, coarse.get(old // 2, 0.0))
            self.points = coarse


@dataclass(slots=True)
class Timeline:
    """The newest closed run of each stage of one stream, folded into segments.

    Every time in it is case time in nanoseconds, except inside `gate`, which answers for stamps.
    """

    stream_id: str
    run: dict[str, Any]
    """Payload of the newest closed run's `closed` line: version, preset, stages, ledger."""
    epochs: dict[int, Placement]
    segments: list[Segment]
    marks: list[Mark]
    series: dict[str, Series]
    gate: Gate
    end_ns: int

    def of(self, *kinds: str) -> list[Segment]:
        """Return the segments of some kinds, in time order."""
        return [segment for segment in self.segments if segment.kind in kinds]

    def case_ns(self, epoch: int, pts_ns: int) -> int:
        """Return the case time of a stamp."""
        place = self.epochs[epoch]
        return place.offset_ns + pts_ns - place.first_ns


@dataclass(frozen=True, slots=True)
class Runs:
    """The run lines of a log: which runs closed, and which speaks for each stage."""

    newest: Event
    """The `closed` line of the newest closed run that analyzed."""
    by_stage: Mapping[str, str]
    """Stage name to the run that speaks for it."""
    first_ns: Mapping[str, int]
    """Stamp of the first frame, by run."""
    configs: Mapping[str, Any]
    """Configuration of each stage, in the run that speaks for it."""


def closed_runs(events: Iterable[Event]) -> Runs:
    """Find the newest closed run of every stage.

    Raises:
        CaseError: No run has closed yet.
    """
    newest: Event | None = None
    by_stage: dict[str, str] = {}
    first_ns: dict[str, int] = {}
    configs: dict[str, Any] = {}
    for event in events:
        if event.kind != "run":
            continue
        if event.payload["state"] == "opened":
            first_ns[event.run_id] = event.start_ns
        elif event.payload["state"] == "closed":
            if event.payload.get("preset") != IMPORTED:
                newest = event
            by_stage.update(dict.fromkeys(event.payload["stages"], event.run_id))
            configs.update(event.payload["stages"])
    if newest is None:
        raise CaseError(
            "The analysis of this case has not finished",
            allowed="a closed run",
            remedy="videoengine resume CASE",
        )
    return Runs(newest, by_stage, first_ns, configs)


def owner(stage: str, stages: Container[str]) -> str:
    """Return the stage that stated something, of `phase.smoothed` the stage `phase`."""
    return stage if stage in stages else stage.partition(".")[0]


class TimelineBuilder:
    """Folds the events of a log, one after the other, into a Timeline."""

    def __init__(self, runs: Runs) -> None:
        """Start with what `closed_runs` found."""
        self._runs = runs
        self._payload = runs.newest.payload
        first = runs.first_ns.get(runs.newest.run_id, runs.newest.start_ns)
        self._epochs = {0: Placement(first, 0, "start")}
        self._open: dict[tuple[str, str, str], _Open] = {}
        self._segments: list[Segment] = []
        self._marks: list[Mark] = []
        self._series: dict[str, Series] = {}
        self._end_ns = 0
        self._gate = Gate(self.period_ns("privacy"))

    def period_ns(self, stage: str) -> int:
        """Return the period of a stage."""
        stages = self._runs.configs
        config = stages.get(owner(stage, stages), {})
        return round(NS_PER_SECOND / float(config.get("rate_hz", 1.0)))

    def case_ns(self, epoch: int, pts_ns: int) -> int:
        """Return the case time of a stamp in an epoch that has begun."""
        place = self._epochs[epoch]
        return place.offset_ns + pts_ns - place.first_ns

    def speaks(self, event: Event) -> bool:
        """Tell whether the run of an event is the one that speaks for its stage."""
        by_stage = self._runs.by_stage
        run_id = by_stage.get(owner(event.stage, by_stage), self._runs.newest.run_id)
        return event.run_id == run_id

    def add(self, event: Event) -> None:
        """Fold one event."""
        if event.kind == "run" or not self.speaks(event):
            return
        if event.kind in ("gap", "reconnect"):
            self._place(event)
        if event.epoch not in self._epochs:
            raise CaseError(
                "An event lies in an epoch that no gap opened", got=f"epoch {event.epoch}"
            )
        self._end_ns = max(self._end_ns, self.case_ns(event.epoch, event.end_ns))
        self._gate.add(event)
        for name in self._names(event):
            self._sample(event, name)
        if event.kind not in UNFOLDED and event.payload.get("name") != REMAINING:
            self._marks.append(self._mark(event))

    def _place(self, event: Event) -> None:
        before, after = event.evidence[0], event.evidence[1]
        offset = self.case_ns(before["epoch"], before["end_ns"]) + event.payload["duration_ns"]
        self._epochs[event.epoch] = Placement(
            after["start_ns"], offset, str(event.payload["cause"])
        )

    def _mark(self, event: Event) -> Mark:
        start = self.case_ns(event.epoch, event.start_ns)
        if event.kind == "gap":
            start -= event.payload["duration_ns"]
        end = self.case_ns(event.epoch, event.start_ns if event.kind == "gap" else event.end_ns)
        return Mark(event.kind, event.stage, start, end, event.epoch, event.payload, event.key)

    def _names(self, event: Event) -> list[str]:
        payload = event.payload
        if event.kind == "quality":
            case_ns = self.case_ns(event.epoch, event.start_ns)
            for name in SEVERITIES:
                self._series.setdefault(name, Series()).add(case_ns, payload[name])
            names = [name for name in SEVERITIES if payload[name] > SEVERE]
            return [*names, "frozen"] if payload["frozen"] else names
        if event.kind == "privacy":
            case_ns = self.case_ns(event.epoch, event.start_ns)
            self._series.setdefault("out_of_body", Series()).add(case_ns, payload["score"])
            return [payload["reason"] or "in_body"]
        if event.kind in LABELLED and payload.get("label"):
            return [payload["label"]["name"]]
        if event.kind == "triplet":
            parts = (payload.get(part) for part in ("instrument", "verb", "target"))
            return [", ".join(str(label["name"]) for label in parts if label)]
        return []

    def _sample(self, event: Event, name: str) -> None:
        place = (event.kind, event.stage, name)
        span = self._open.get(place)
        reach = JOIN_PERIODS * max(self.period_ns(event.stage), event.end_ns - event.start_ns)
        if span is None or span.epoch != event.epoch or event.start_ns - span.last_ns >= reach:
            self._finish(place)
            span = _Open(
                name, event.stage, event.epoch, event.start_ns, 0, 0, 0, [0.0, 0.0], event.key, ""
            )
            self._open[place] = span
        span.last_ns, span.end_ns, span.last_key = event.start_ns, event.end_ns, event.key
        span.samples += 1
        if event.confidence is not None:
            span.confidence[0] += event.confidence
            span.confidence[1] += 1

    def _finish(self, place: tuple[str, str, str]) -> None:
        span = self._open.pop(place, None)
        if span is None:
            return
        total, count = span.confidence
        self._segments.append(
            Segment(
                kind=place[0],
                stage=span.stage,
                name=span.name,
                start_ns=self.case_ns(span.epoch, span.start_ns),
                end_ns=self.case_ns(span.epoch, span.end_ns),
                epoch=span.epoch,
                samples=span.samples,
                confidence=total / count if count else None,
                first_key=span.first_key,
                last_key=span.last_key,
            )
        )

    def drain(self) -> tuple[list[Segment], list[Mark]]:
        """Hand out what is finished so far; `build` then returns only what came after."""
        finished = self._segments, self._marks
        self._segments, self._marks = [], []
        return finished

    def build(self) -> Timeline:
        """Close what is open and return the Timeline."""
        for place in list(self._open):
            self._finish(place)
        self._segments.sort(key=lambda s: (s.start_ns, s.kind, s.name))
        return Timeline(
            stream_id=self._runs.newest.stream_id,
            run=self._payload,
            epochs=self._epochs,
            segments=self._segments,
            marks=self._marks,
            series=self._series,
            gate=self._gate.close(),
            end_ns=self._end_ns,
        )
