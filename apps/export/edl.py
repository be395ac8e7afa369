"""CMX 3600 edit decision list: each stretch is an event, its name a comment and a marker.

Timecodes are numbers of frames, so the stream needs a constant rate; they never drop a number, at
30000/1001 frames a second they run slower than the clock. The seconds stand in a comment beside
them. Stretches that overlap are put on further video tracks, V2 and up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from videoengine.apps.export.elan import seconds_text
from videoengine.apps.export.frame_grid import FrameGrid, need_grid, rate_text
from videoengine.apps.export.request import Request
from videoengine.apps.export.timecode import timecode
from videoengine.timeline import LABELLED, Segment

KINDS: Final = (*LABELLED, "triplet")
NAME: Final = "EDL"
RATE: Final = "* FRAMES PER SECOND: "
LENGTH: Final = "* LENGTH SECONDS: "
CLIP: Final = "* FROM CLIP NAME: "
STAGE: Final = "* STAGE: "
SECONDS: Final = "* SECONDS: "
COLORS: Final = ("Blue", "Green", "Red", "Yellow", "Cyan", "Purple", "Pink", "Cream")
"""Of Resolve's markers, one for each kind."""


def write_edl(request: Request, out: Path) -> int:
    """Write the segments that carry a term, and return how many."""
    grid = need_grid(request.case, NAME)
    segments = request.timeline.of(*KINDS)
    ends: list[int] = []
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("TITLE: videoengine\nFCM: NON-DROP FRAME\n")
        for at, segment in enumerate(segments):
            first = grid.number(segment.epoch, segment.start_ns)
            after = max(grid.number(segment.epoch, segment.end_ns), first + 1)
            lines = _event(grid, segment, at + 1, (first, after), _track(ends, first, after))
            stream.write("\n" + "".join(f"{line}\n" for line in lines))
            if not at:
                stream.write(f"{RATE}{rate_text(grid.rate_fps)}\n")
                stream.write(f"{LENGTH}{seconds_text(request.timeline.end_ns)}\n")
    return len(segments)


def _track(ends: list[int], first: int, after: int) -> str:
    """Return the lowest track that is free from a frame on, and take it."""
    for at, end in enumerate(ends):
        if end <= first:
            ends[at] = after
            return f"V{at + 1}" if at else "V"
    ends.append(after)
    return f"V{len(ends)}" if len(ends) > 1 else "V"


def _event(
    grid: FrameGrid, segment: Segment, number: int, frames: tuple[int, int], track: str
) -> list[str]:
    start, end = (timecode(frame, grid.rate_fps) for frame in frames)
    title = f"{segment.kind}: {segment.name}"
    color = COLORS[KINDS.index(segment.kind) % len(COLORS)]
    return [
        f"{number:03d}  AX       {track:<5} C        {start} {end} {start} {end}",
        f"{CLIP}{title}",
        f"{STAGE}{segment.stage}",
        f"{SECONDS}{seconds_text(segment.start_ns)} {seconds_text(segment.end_ns)}",
        f" |C:ResolveColor{color} |M:{title} |D:{frames[1] - frames[0]}",
    ]
