"""Cholec80's phase and tool text: tab-separated, one header line.

`video-phase.txt` has a line per frame, `Frame<TAB>Phase`; `video-tool.txt` has a line for the
first frame of each second (every 25th at 25 frames/s), 0 or 1 per tool. Frames count from 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from videoengine.recon3d.simulator.labels.format_writer import Setting
from videoengine.recon3d.simulator.labels.frame_times import FrameTimes
from videoengine.recon3d.simulator.labels.terms import Terms, truth_of, visible_tools
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame
from videoengine.vocabularies import vocabulary

FOLDER: Final = "cholec80"
PHASE_FILE: Final = "video-phase.txt"
TOOL_FILE: Final = "video-tool.txt"
TOOLS: Final = {"cholect50/instrument@1": "cholec80/tool@1"}
"""The columns published for an instrument vocabulary; the bag, which none wields, is its last."""


class Cholec80Writer:
    """Writes both files frame by frame."""

    needs_pixels: ClassVar[bool] = False

    def __init__(self, setting: Setting) -> None:
        """Write the headers."""
        self._setting = setting
        folder = setting.folder / FOLDER
        folder.mkdir(exist_ok=True)
        self._columns = columns(setting.terms)
        self._phases = (folder / PHASE_FILE).open("w", encoding="utf-8", newline="\n")
        self._tools = (folder / TOOL_FILE).open("w", encoding="utf-8", newline="\n")
        self._phases.write("Frame\tPhase\n")
        self._tools.write(_row("Frame", self._columns))

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write the frame's phase, and once a second its tools."""
        truth = truth_of(frame)
        self._phases.write(f"{truth.number}\t{truth.phase.name}\n")
        if self._setting.times.begins_second(truth.number):
            seen = {tool.label.id for tool in visible_tools(frame)}
            instruments = len(self._setting.terms.instrument.labels)
            flags = [int(column in seen) for column in range(instruments)]
            if len(self._columns) > instruments:
                flags.append(int(truth.bag_visible and truth.inside))
            self._tools.write(_row(truth.number, flags))

    def close(self) -> None:
        """Close the files."""
        self._phases.close()
        self._tools.close()


def columns(terms: Terms) -> tuple[str, ...]:
    """Return the tool columns: as published, else the procedure's instruments."""
    name = TOOLS.get(terms.instrument.name)
    source = terms.instrument if name is None else vocabulary(name)
    return tuple(label.name for label in source.labels)


def phase_text(piece: Piece, times: FrameTimes) -> str:
    """Return the whole phase file of a piece without looking at a frame."""
    lines = ["Frame\tPhase\n"]
    for phase in piece.phases:
        name = phase.label.name
        lines.extend([f"{number}\t{name}\n" for number in times.frames(phase.span)])
    return "".join(lines)


def tool_text(piece: Piece, times: FrameTimes, terms: Terms) -> str:
    """Return the whole tool file of a piece; an instrument in view counts as seen."""
    names = columns(terms)
    rows = [["0"] * len(names) for _ in times.firsts]
    spans = [(seen.instrument.id, seen.span) for seen in piece.in_view]
    if len(names) > len(terms.instrument.labels):
        spans += [(len(names) - 1, span) for span in piece.bag]
    for column, span in spans:
        for second in times.seconds(span):
            rows[second][column] = "1"
    lines = [_row(*parts) for parts in zip(times.firsts, rows, strict=True)]
    return _row("Frame", names) + "".join(lines)


def write_plan(setting: Setting) -> None:
    """Write both files from the plan."""
    folder = setting.folder / FOLDER
    folder.mkdir(exist_ok=True)
    piece, times = setting.piece, setting.times
    (folder / PHASE_FILE).write_text(phase_text(piece, times), "utf-8", newline="\n")
    tools = tool_text(piece, times, setting.terms)
    (folder / TOOL_FILE).write_text(tools, "utf-8", newline="\n")


def _row(first: object, rest: Iterable[object]) -> str:
    return "\t".join(str(value) for value in (first, *rest)) + "\n"
