"""`demo`: a minute of a simulated operation, analyzed, and compared with what is true of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import videoengine
from videoengine.apps.analyze import analyze
from videoengine.apps.export.target import refuse_existing, unwritable
from videoengine.apps.report.html import exact
from videoengine.apps.wording import PRIVACY, QUALITY
from videoengine.case import Case
from videoengine.events import Event
from videoengine.sources import with_truth
from videoengine.streams import open_source
from videoengine.timeline import Series, Timeline

PROCEDURE: Final = "cholecystectomy"
SEED: Final = 502
"""Of its first minute: into the body, two phases, bleeding, smoke, a soiled lens, out and back."""
MODALITY: Final = "laparoscopy"
CASE: Final = "case"
LENGTH_S: Final = 60
SIZE: Final = (480, 384)
NOTICED: Final = 0.1
"""What is true to a lesser severity is not listed."""
JOIN_NS: Final = 300_000_000
"""Stretches less than one and a half samples apart are one."""
IN_BODY: Final = "in_body"


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch of the video in which something keeps the view from being good; case time."""

    kind: str
    """A severity of `quality`, or `out_of_body`."""
    start_ns: int
    end_ns: int
    severity: float
    """The greatest in it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One fault of the video, and what the analysis made of it; times are case time."""

    fault: Fault
    found: tuple[tuple[int, int], ...]
    """(start, end) of every stretch that was stated and touches the fault."""
    covered: float
    """Share of the fault that the stretches cover."""
    severity: float
    """The greatest that was stated within the fault."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made."""

    source: str
    """URI of the simulated video."""
    case: Path
    report: Path
    frames: int
    seconds: float
    phases: tuple[str, ...]
    """Phases that the video shows, in order."""
    compared: tuple[Compared, ...]
    failures: tuple[str, ...]


def demo(
    out: str | Path,
    *,
    seed: int = SEED,
    size: tuple[int, int] = SIZE,
    length_s: int = LENGTH_S,
    progress: Callable[[int, int], None] | None = None,
) -> Demo:
    """Analyze the beginning of a simulated operation into the new folder `out`, and compare.

    Raises:
        OutputError: The folder exists, or cannot be written.
    """
    folder = Path(out)
    refuse_existing(folder)
    uri = f"sim://{PROCEDURE}?seed={seed}&duration={length_s}s&size={size[0]}x{size[1]}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    outcome = analyze(uri, folder / CASE, modality=MODALITY, procedure=PROCEDURE, progress=progress)
    timeline = Case.open(outcome.case).timeline()
    with open_source(uri) as source:
        known = [event for _, truth in with_truth(source) for event in truth.events]
    return Demo(
        source=uri,
        case=outcome.case,
        report=outcome.case / "report.html",
        frames=outcome.frames,
        seconds=outcome.seconds,
        phases=tuple(_phases(known)),
        compared=tuple(compare(timeline, faults(known))),
        failures=outcome.failures,
    )


def faults(events: Iterable[Event]) -> list[Fault]:
    """Return the stretches out of the body, in smoke and behind a soiled lens, by their start."""
    found: list[Fault] = []
    growing: dict[str, Fault] = {}
    for event in events:
        for kind, severity in _severities(event).items():
            before = growing.pop(kind, None)
            if before is not None and (severity < NOTICED or event.start_ns > before.end_ns):
                found.append(before)
                before = None
            if severity >= NOTICED:
                start_ns = event.start_ns if before is None else before.start_ns
                worst = max(severity, 0.0 if before is None else before.severity)
                growing[kind] = Fault(kind, start_ns, event.end_ns, worst)
    found += growing.values()
    return sorted(found, key=lambda fault: (fault.start_ns, fault.kind))


def _severities(event: Event) -> dict[str, float]:
    if event.kind == "privacy":
        return {"out_of_body": float(event.payload["decision"] == "blank")}
    if event.kind == "quality":
        return {name: event.payload[name] for name in ("smoke", "soiling")}
    return {}


def _phases(events: Iterable[Event]) -> list[str]:
    names: list[str] = []
    for event in events:
        if event.kind == "phase" and event.payload["label"]["name"] not in names[-1:]:
            names.append(event.payload["label"]["name"])
    return names


def compare(timeline: Timeline, faults: Sequence[Fault]) -> list[Compared]:
    """Set what the timeline states beside the faults of a video that starts at stamp 0."""
    rows: list[Compared] = []
    for fault in faults:
        start, end = fault.start_ns, fault.end_ns
        stated = _stated(timeline, fault.kind)
        found = tuple((s, e) for s, e in sorted(stated) if s < end and e > start)
        covered = _union([(max(s, start), min(e, end)) for s, e in found])
        series = timeline.series.get(fault.kind, Series())
        within = [v for at, v in series.points.items() if start <= at * series.bin_ns < end]
        rows.append(Compared(fault, found, covered / (end - start), max(within, default=0.0)))
    return rows


def _stated(timeline: Timeline, kind: str) -> list[tuple[int, int]]:
    """Return the stretches with a fault; out of the body is all that is not certain to be in."""
    if kind == "out_of_body":
        rows = [row for row in timeline.of("privacy") if row.name != IN_BODY]
    else:
        rows = [row for row in timeline.of("quality") if row.name == kind]
    return _joined([(row.start_ns, row.end_ns) for row in rows])


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those less than a sample apart as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= JOIN_NS:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _union(spans: Sequence[tuple[int, int]]) -> int:
    """Return the length of spans in order of start, overlaps counted once."""
    total, reached = 0, 0
    for start, end in spans:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def as_text(shown: Demo) -> str:
    """Return the demo's result as lines for people."""
    names = {**QUALITY, **PRIVACY}
    width = max(len(name) for name in names.values())
    lines = [f"{'in the video':{width}}  {'from–to':17}  severity  found"]
    for row in shown.compared:
        fault = row.fault
        span = f"{exact(fault.start_ns)}–{exact(fault.end_ns)}"
        found = ", ".join(f"{exact(s)}–{exact(e)}" for s, e in row.found)
        found += f" ({row.covered:.0%} of it)" if found else f"at most {row.severity:.2f}"
        lines.append(f"{names[fault.kind]:{width}}  {span:17}  {fault.severity:8.2f}  {found}")
    lines += [
        "",
        f"{shown.frames} frames analyzed in {shown.seconds:.1f} s. {videoengine.DISCLAIMER}",
        f"phases  {', '.join(shown.phases)}",
        f"video   {shown.source}",
        f"report  {shown.report}",
    ]
    return "\n".join(lines)
