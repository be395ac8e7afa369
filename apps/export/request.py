"""What a format is handed, and what a format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from videoengine.case import Case
from videoengine.timeline import Timeline

Progress = Callable[[int, int], None]
"""Called with (case time in nanoseconds, pictures written)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One export."""

    case: Case
    timeline: Timeline
    out: Path
    """The final target; formats write to the temporary path they are given."""
    source: str | Path | None = None
    """Where the recorded source is now, when it moved."""
    every_ns: int | None = None
    progress: Progress | None = None
    template: str | None = None
    """Of a note: the name or file of its template."""
    date: str | None = None
    """Of a FHIR document: the date that its sender gives it, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Format:
    """One export format."""

    write: Callable[[Request, Path], int]
    """Writes to a new path and returns how many units it wrote."""
    says: str
    unit: str
    folder: bool = False
    check: Callable[[Request], None] | None = None
    """Refuses what the format cannot hold, before anything is written."""
    options: tuple[str, ...] = ()
    """Options that this format has beside those of all: every, template, date."""
