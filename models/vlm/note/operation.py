"""What the log says of the operation and its video.

What is said of the operation itself rests on what the privacy stage found in the body: instruments
and actions are counted there only, and of a video that is outside all along nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.note.findings import (
    Finding,
    Length,
    Moment,
    Term,
    Times,
    Value,
    confidence_of,
    intersection,
    of_run,
    rests_of,
    total,
)
from videoengine.models.vlm.note.source import INSIDE, NoteLog, Stretch, joined
from videoengine.timeline import Segment

LEAST_NS: Final = 2 * NS_PER_SECOND
"""What was stated for less than this in all is counted, not named: mostly a slip of the model."""
SETTLED: Final = ".smoothed"
"""Ends the name of a stage that states again with hindsight."""
NO_ACTION: Final = ("null_verb", "null_target")


def clinical(log: NoteLog, kind: str) -> list[Segment]:
    """Return the segments of a kind that touch the body, in time order."""
    segments = log.of(kind)
    if not log.checked:
        return segments
    return [s for s in segments if intersection([log.stretch(s)], log.inside)]


def _by_name(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    named: dict[str, list[Segment]] = {}
    for segment in segments:
        named.setdefault(segment.name, []).append(segment)
    return named


def video(log: NoteLog) -> Iterator[Finding]:
    """Yield how long the video is, and how much of it lies in the body."""
    length = Length(log.timeline.end_ns)
    yield Finding("video", "video/length", {"length": length}, of_run(log))
    samples = log.of("privacy")
    if not log.checked:
        yield Finding("in_body_unchecked", "video/in_body", {}, of_run(log))
        return
    if not log.inside:
        yield Finding("in_body_never", "video/in_body", {}, rests_of(samples))
        return
    inside = [s for s in samples if s.name == INSIDE]
    values: dict[str, Value] = {
        "count": len(log.inside),
        "length": Length(total(log.inside)),
        "times": Times(tuple(log.inside)),
    }
    yield Finding("in_body", "video/in_body", values, rests_of(inside))
    gate = log.timeline.gate
    shown = [
        (log.timeline.case_ns(epoch, span.start_ns), log.timeline.case_ns(epoch, span.end_ns))
        for epoch in sorted(log.timeline.epochs)
        for span in gate.spans(epoch)
    ]
    values = {"length": Length(total(joined(shown)))}
    yield Finding("shown", "video/shown", values, rests_of(samples))


def procedure(log: NoteLog) -> Iterator[Finding]:
    """Yield the procedures that a model recognized."""
    segments = log.of("procedure") if log.inside or not log.checked else []
    for name, rows in _by_name(segments).items():
        values: dict[str, Value] = {
            "procedure": Term("procedure", name),
            "confidence": confidence_of(rows),
        }
        yield Finding("procedure_observed", f"procedure/{name}", values, rests_of(rows))


def course(log: NoteLog, kind: str) -> Iterator[Finding]:
    """Yield phases or steps in the order in which they begin, those of hindsight if there are."""
    segments = clinical(log, kind)
    settled = [s for s in segments if s.stage.endswith(SETTLED)]
    chosen = settled or segments
    if not chosen:
        return
    if kind == "phase":
        how = "phases_settled" if settled else "phases_online"
        yield Finding(how, "phase/how", {}, rests_of(chosen))
    brief: list[Segment] = []
    for name, rows in _by_name(chosen).items():
        stretches = course_stretches(log, chosen, name)
        if total(stretches) < LEAST_NS:
            brief += rows
            continue
        values: dict[str, Value] = {
            kind: Term(kind, name),
            "count": len(stretches),
            "times": Times(tuple(stretches)),
            "length": Length(total(stretches)),
            "confidence": confidence_of(rows),
        }
        yield Finding(kind, f"{kind}/{name}", values, rests_of(rows))
    yield from _brief(kind, brief)


def course_stretches(log: NoteLog, chosen: Sequence[Segment], name: str) -> list[Stretch]:
    """Return the stretches of a phase; each ends at the latest where the next one begins."""
    found: list[Stretch] = []
    for index, segment in enumerate(chosen):
        if segment.name != name:
            continue
        start, end = log.stretch(segment)
        if index + 1 < len(chosen):
            end = min(end, max(segment.end_ns, chosen[index + 1].start_ns))
        found.append((start, end))
    return joined(found)


def _brief(kind: str, segments: Sequence[Segment]) -> Iterator[Finding]:
    """Yield how many things were stated too shortly to be named."""
    names = {segment.name for segment in segments}
    if names:
        values: dict[str, Value] = {"count": len(names), "length": Length(LEAST_NS)}
        ordered = sorted(segments, key=lambda segment: segment.start_ns)
        yield Finding("brief", f"{kind}/brief", values, rests_of(ordered))


def instruments(log: NoteLog) -> Iterator[Finding]:
    """Yield the instruments that were seen, the longest first."""
    yield from _seen(log, "instrument", _instrument_values)


def actions(log: NoteLog) -> Iterator[Finding]:
    """Yield the actions that were seen, the longest first."""
    yield from _seen(log, "triplet", _action_values)


def _instrument_values(name: str) -> dict[str, Value] | None:
    return {"instrument": Term("instrument", name)}


def _action_values(name: str) -> dict[str, Value] | None:
    """Return the parts of a triplet; None where an instrument does nothing."""
    parts = name.split(", ")
    if len(parts) != 3 or any(part in NO_ACTION for part in parts):
        return None
    kinds = ("instrument", "verb", "target")
    return {kind: Term(kind, part) for kind, part in zip(kinds, parts, strict=True)}


def seen_stretches(log: NoteLog, segments: Iterable[Segment]) -> list[Stretch]:
    """Return where something was seen: inside the body, where that is known."""
    whole = joined(log.stretch(segment) for segment in segments)
    return intersection(whole, log.inside) if log.checked else whole


def _seen(
    log: NoteLog, kind: str, terms: Callable[[str], dict[str, Value] | None]
) -> Iterator[Finding]:
    """Yield what was seen for how long in the body, the longest first."""
    sentence = "action" if kind == "triplet" else kind
    rows: list[tuple[int, Finding]] = []
    brief: list[Segment] = []
    for name, segments in _by_name(s for s in log.seen if s.kind == kind).items():
        named = terms(name)
        stretches = seen_stretches(log, segments)
        if named is None:
            continue
        if total(stretches) < LEAST_NS:
            brief += segments
            continue
        values = named | {
            "count": len(stretches),
            "length": Length(total(stretches)),
            "start": Moment(stretches[0][0]),
            "end": Moment(stretches[-1][1]),
            "confidence": confidence_of(segments),
        }
        finding = Finding(sentence, f"{kind}/{name}", values, rests_of(segments))
        rows.append((total(stretches), finding))
    rows.sort(key=lambda row: (-row[0], row[1].subject))
    yield from (finding for _, finding in rows)
    yield from _brief(sentence, brief)
