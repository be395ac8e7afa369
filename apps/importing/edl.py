"""CMX 3600: events whose clip name (or comment, or marker) reads `phase: Preparation`.

The source timecodes count: they say where in the recording a stretch lies, whatever was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from videoengine.apps.export.edl import CLIP, LENGTH, NAME, RATE, STAGE
from videoengine.apps.export.frame_grid import FrameGrid, rate_text
from videoengine.apps.export.timecode import frame_number
from videoengine.apps.importing.annotation import KINDS, Found, Target
from videoengine.apps.importing.annotation_file import fraction_at, read_text, refuse, seconds_at
from videoengine.apps.importing.claims import OWN, Claim, heard

COMMENT: Final = "* COMMENT: "
SLACK_NS: Final = 2
"""Frames are counted; only the rounding of stamps is left."""
_EVENT: Final = re.compile(
    r"(?P<number>\d+)\s+(?P<reel>\S+)\s+(?P<track>\S+)\s+(?P<edit>\S+)(?:\s+\d+)?"
    r"\s+(?P<start>\S+:\S+)\s+(?P<end>\S+:\S+)\s+\S+:\S+\s+\S+:\S+\s*"
)
_MARKER: Final = re.compile(r"\|M:\s*([^|]*)")


@dataclass(slots=True)
class _Event:
    """An event whose comments are still being read."""

    place: str
    start: str
    end: str
    comments: list[str] = field(default_factory=list[str])

    def said(self, *heads: str) -> str | None:
        """Return what follows the first of these heads."""
        for head in heads:
            for line in self.comments:
                if line.startswith(head):
                    return line[len(head) :].strip()
        return None


def read_edl(path: Path, target: Target) -> Found:
    """Return the events that name a kind and one of its terms.

    Raises:
        UsageError: The case has no constant rate.
        SourceError: It is no CMX 3600, or an event cannot be true of the case.
    """
    lines = read_text(path).splitlines()
    stated = next((line[len(RATE) :] for line in lines if line.startswith(RATE)), None)
    rate = None if stated is None else fraction_at(stated, f"{path}, {RATE.strip()}", "the rate")
    length = next((line[len(LENGTH) :] for line in lines if line.startswith(LENGTH)), None)
    if length is not None:
        target.check_length(seconds_at(length, str(path), "the length"), str(path))
    if any(line.strip() == "FCM: DROP FRAME" for line in lines):
        refuse(
            path,
            "drop-frame timecodes skip numbers of frames",
            got="FCM: DROP FRAME",
            allowed="FCM: NON-DROP FRAME",
            remedy="Export it again without dropping.",
        )
    grid = target.grid(NAME, rate, str(path))
    events = list(_events(path, lines))
    if not events:
        refuse(path, "this is no CMX 3600 list", got="no event", allowed="001  AX  V  C  …")
    return heard((_claim(event, grid) for event in events), target, slack_ns=SLACK_NS)


def _events(path: Path, lines: list[str]) -> Iterator[_Event]:
    event: _Event | None = None
    for number, line in enumerate(lines, 1):
        match = _EVENT.fullmatch(line.strip())
        if match:
            if event is not None:
                yield event
            event = _Event(f"{path}, line {number}", match["start"], match["end"])
        elif event is not None:
            event.comments.append(line.strip())
    if event is not None:
        yield event


def _claim(event: _Event, grid: FrameGrid) -> Claim:
    first, after = (_frame(event, text, grid) for text in (event.start, event.end))
    if after <= first:
        refuse(event.place, "the event ends before it starts", got=f"{event.start} {event.end}")
    marker = _MARKER.search(" ".join(event.comments))
    title = event.said(CLIP, COMMENT) or (marker[1].strip() if marker else "")
    kind, colon, name = title.partition(":")
    kind = kind.strip().lower()
    start_ns, end_ns = grid.start_ns(first), grid.end_ns(after - 1)
    if not colon or kind not in KINDS:
        return Claim(f"event {title}", OWN, title, start_ns, end_ns, event.place)
    return Claim(kind, event.said(STAGE) or OWN, name.strip(), start_ns, end_ns, event.place)


def _frame(event: _Event, text: str, grid: FrameGrid) -> int:
    number = frame_number(text, grid.rate_fps)
    if number is None:
        refuse(event.place, "this is no timecode at the rate of the case", got=text,
               allowed=f"hh:mm:ss:ff at {rate_text(grid.rate_fps)} frames/s")  # fmt: skip
    if number > grid.count:
        refuse(
            event.place,
            "the time lies outside the case",
            got=text,
            allowed=f"{grid.count} frames",
            remedy="Is it the file of another case?",
        )
    return number
