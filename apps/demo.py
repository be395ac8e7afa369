"""`demo`: a made clip whose every fault is known, analyzed, and compared with what was found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import videoengine
from videoengine.apps.analyze import analyze
from videoengine.apps.report.html import exact
from videoengine.apps.wording import MARKS, PRIVACY, QUALITY
from videoengine.case import Case
from videoengine.errors import OutputError
from videoengine.media_time import NS_PER_SECOND
from videoengine.streams.testing import Span, tissue_clip
from videoengine.timeline import Timeline

SEED: Final = 1
MODALITY: Final = "laparoscopy"
CLIP: Final = "clip.mp4"
CASE: Final = "case"


@dataclass(frozen=True, slots=True)
class Compared:
    """One fault of the clip, and what the analysis made of it; times are case time."""

    fault: str
    start_ns: int
    end_ns: int
    found: tuple[tuple[int, int], ...]
    """(start, end) of every stretch that was stated and touches the fault."""
    covered: float
    """Share of the fault that the stretches cover."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made."""

    clip: Path
    case: Path
    report: Path
    frames: int
    seconds: float
    """Time of the analysis, without the making of the clip."""
    compared: tuple[Compared, ...]
    failures: tuple[str, ...]


def demo(
    out: str | Path,
    *,
    seed: int = SEED,
    size: tuple[int, int] = (854, 480),
    progress: Callable[[int, int], None] | None = None,
) -> Demo:
    """Make a clip in the new folder `out`, analyze it, and compare.

    Raises:
        OutputError: The folder exists, or cannot be written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise OutputError(
            f"{folder} exists already",
            allowed="a folder that does not exist yet",
            remedy="Choose another --out.",
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        made = tissue_clip(seed, folder / CLIP, size=size)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _unwritable(folder, error) from error
    outcome = analyze(str(made.path), folder / CASE, modality=MODALITY, progress=progress)
    timeline = Case.open(outcome.case).timeline()
    return Demo(
        clip=made.path,
        case=outcome.case,
        report=outcome.case / "report.html",
        frames=outcome.frames,
        seconds=outcome.seconds,
        compared=tuple(compare(timeline, made.spans)),
        failures=outcome.failures,
    )


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder} cannot be written", got=error.strerror, remedy="Choose another --out."
    )


def compare(timeline: Timeline, spans: Sequence[Span]) -> list[Compared]:
    """Set what the timeline states beside the faults of a clip that starts at stamp 0."""
    rows: list[Compared] = []
    for span in spans:
        start, end = (round(s * NS_PER_SECOND) for s in (span.start_seconds, span.end_seconds))
        stated = _stated(timeline, span.kind)
        found = tuple((s, e) for s, e in sorted(stated) if s < end and e > start)
        covered = _union([(max(s, start), min(e, end)) for s, e in found])
        rows.append(Compared(span.kind, start, end, found, covered / (end - start)))
    return rows


def _stated(timeline: Timeline, fault: str) -> list[tuple[int, int]]:
    if fault == "gap":
        return [(mark.start_ns, mark.end_ns) for mark in timeline.marks if mark.kind == "gap"]
    return [(row.start_ns, row.end_ns) for row in timeline.segments if row.name == fault]


def _union(spans: Sequence[tuple[int, int]]) -> int:
    """Return the length of spans in order of start, overlaps counted once."""
    total, reached = 0, 0
    for start, end in spans:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def as_text(shown: Demo) -> str:
    """Return the demo's result as lines for people."""
    names = {**QUALITY, **PRIVACY, **MARKS}
    width = max(len(names.get(row.fault, row.fault)) for row in shown.compared)
    lines = [f"{'in the clip':{width}}  {'from–to':17}  found"]
    for row in shown.compared:
        name = names.get(row.fault, row.fault)
        found = ", ".join(f"{exact(s)}–{exact(e)}" for s, e in row.found) or "not found"
        lines.append(
            f"{name:{width}}  {f'{exact(row.start_ns)}–{exact(row.end_ns)}':17}  {found}"
            + (f"  ({row.covered:.0%} of it)" if row.found else "")
        )
    lines += [
        "",
        f"{shown.frames} frames analyzed in {shown.seconds:.1f} s. {videoengine.DISCLAIMER}",
        f"clip    {shown.clip}",
        f"report  {shown.report}",
    ]
    return "\n".join(lines)
