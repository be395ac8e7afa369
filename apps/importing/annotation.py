"""What a file of annotations says: statements in case time, and how exactly it says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from videoengine.apps.export.frame_grid import FrameGrid, need_grid, rate_text
from videoengine.apps.export.spans import Span
from videoengine.apps.importing.annotation_file import refuse
from videoengine.apps.importing.terms import Terms
from videoengine.case import Case
from videoengine.media_time import clock

KINDS: Final = ("procedure", "phase", "step", "instrument", "triplet")
"""What people may state by a file. A file never decides what may be shown (`privacy`)."""
LENGTH_SLACK_NS: Final = 2_000_000
"""Lengths are written in milliseconds at the coarsest."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One statement of a person."""

    kind: str
    payload: Any
    """Payload dataclass of the kind."""
    start_ns: int
    """Case time."""
    end_ns: int
    """Case time."""
    place: str
    """Where in the file it stands, for errors."""
    sampled: bool = False
    """One sample of a rate; otherwise a stretch throughout which it holds."""


@dataclass(slots=True)
class Found:
    """What a reader found in a file."""

    slack_ns: int
    """How far a time of this format may lie from what was meant."""
    stated: list[Stated] = field(default_factory=list[Stated])
    rates_hz: dict[str, Fraction] = field(default_factory=dict[str, Fraction])
    """Rate of the samples of a kind, where the file tells."""
    passed_over: Counter[str] = field(default_factory=Counter[str])
    """What the file holds besides, by why it was left."""


@dataclass(frozen=True, slots=True)
class Target:
    """The case that annotations are brought into."""

    case: Case
    spans: tuple[Span, ...]
    end_ns: int
    frame_ns: int
    """How long a frame is shown: the shortest that the log knows."""
    terms: Terms

    def grid(self, format_name: str, stated: Fraction | None, place: str) -> FrameGrid:
        """Return the frame numbers of the case, for a file that counts at a stated rate.

        Raises:
            UsageError: The case has no constant rate.
            SourceError: The file counts at another rate.
        """
        grid = need_grid(self.case, format_name)
        if stated is not None and stated != grid.rate_fps:
            refuse(
                place,
                "the frames are counted at another rate than those of the case",
                got=f"{rate_text(stated)} frames/s",
                allowed=f"{rate_text(grid.rate_fps)} frames/s",
                remedy="Is it the file of another case?",
            )
        return grid

    def check_length(self, length_ns: int | None, place: str) -> None:
        """Refuse a file that says it belongs to a case of another length."""
        if length_ns is not None and abs(length_ns - self.end_ns) > LENGTH_SLACK_NS:
            refuse(
                place,
                "the file belongs to a case of another length",
                got=clock(length_ns, milliseconds=True),
                allowed=clock(self.end_ns, milliseconds=True),
                remedy="Is it the file of another case?",
            )


Reader = Callable[[Path, Target], Found]
"""Reads one format."""
