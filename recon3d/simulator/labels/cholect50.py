"""CholecT50's JSON of one video: frames at 1 per second, numbered by the second.

Each frame has a list of rows of 15: triplet id, instrument id, its confidence, its box (x, y,
width, height, normalised), verb id, target id, its confidence, four unknown numbers for a target
box, phase id. −1 is "unknown"; a frame without an instrument has one row of −1 with its phase.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

from videoengine.payloads import Label
from videoengine.recon3d.simulator.labels.format_writer import Setting
from videoengine.recon3d.simulator.labels.frame_times import FrameTimes
from videoengine.recon3d.simulator.labels.json_rows import compact
from videoengine.recon3d.simulator.labels.terms import (
    NO_TERM,
    NULL_TARGET,
    NULL_VERB,
    Terms,
    truth_of,
    visible_tools,
)
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.truth import Box, FrameTruth, SimulatedFrame
from videoengine.vocabularies import Vocabulary

FOLDER: Final = "cholect50"
FILE: Final = "video.json"
PHASES: Final = {
    "cholec80/phase@1": (
        "preparation",
        "carlot-triangle-dissection",
        "clipping-and-cutting",
        "gallbladder-dissection",
        "gallbladder-packaging",
        "cleaning-and-coagulation",
        "gallbladder-extraction",
    )
}
"""What CholecT50 calls the phases of another vocabulary, in the same order (spelled as there)."""
UNKNOWN: Final = -1.0
NO_BOX: Final = (UNKNOWN,) * 4

Row = list[Any]
Action = tuple[Label, Label]


class CholecT50Writer:
    """Writes the file second by second."""

    needs_pixels: ClassVar[bool] = False

    def __init__(self, setting: Setting) -> None:
        """Write everything but the annotations."""
        self._setting = setting
        self._file = _path(setting.folder).open("w", encoding="utf-8", newline="\n")
        self._file.write(head(setting.piece, setting.terms))
        self._count = 0

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write the rows of the first frame of a second."""
        truth = truth_of(frame)
        if not self._setting.times.begins_second(truth.number):
            return
        rows = [
            _row(self._setting.terms, tool.label, (tool.verb, tool.target), truth.phase, tool.box)
            for tool in visible_tools(frame)
        ]
        text = _entry(self._setting.times.second(truth.number), rows or [_empty_row(truth.phase)])
        self._file.write(f",\n{text}" if self._count else text)
        self._count += 1

    def close(self) -> None:
        """Write the number of frames and close the object."""
        if not self._file.closed:
            self._file.write(tail(self._count))
            self._file.close()


def video_text(piece: Piece, times: FrameTimes, terms: Terms) -> str:
    """Return the whole file of a piece without looking at a frame: no boxes."""
    actions: list[dict[int, Action]] = [{} for _ in times.firsts]
    for triplet in piece.triplets:
        for second in times.seconds(triplet.span):
            actions[second][triplet.track] = (triplet.verb, triplet.target)
    tools: list[list[tuple[int, Label]]] = [[] for _ in times.firsts]
    for seen in piece.in_view:
        for second in times.seconds(seen.span):
            tools[second].append((seen.track, seen.instrument))
    idle = (terms.verb.label(NULL_VERB), terms.target.label(NULL_TARGET))
    entries: list[str] = []
    for phase in piece.phases:
        for second in times.seconds(phase.span):
            rows = [
                _row(terms, instrument, actions[second].get(track, idle), phase.label, None)
                for track, instrument in tools[second]
            ]
            entries.append(_entry(second, rows or [_empty_row(phase.label)]))
    return head(piece, terms) + ",\n".join(entries) + tail(len(entries))


def write_plan(setting: Setting) -> None:
    """Write the file from the plan."""
    text = video_text(setting.piece, setting.times, setting.terms)
    _path(setting.folder).write_text(text, "utf-8", newline="\n")


def head(piece: Piece, terms: Terms) -> str:
    """Return the file up to its first annotation."""
    phases = PHASES.get(terms.phase.name) or [label.name for label in terms.phase.labels]
    fields = {
        "info": {
            "dataset": "videoengine-simulator",
            "description": f"Simulated {piece.plan.procedure}",
            "bbox format": "[x1,y1,bw,bh] == [top_left_x, top_left_y, box_width, box_height]",
        },
        "licenses": {},
        "categories": {
            "instrument": _categories(terms.instrument),
            "verb": _categories(terms.verb),
            "target": _categories(terms.target),
            "phase": {str(number): name for number, name in enumerate(phases)},
            "triplet": _categories(terms.triplet),
        },
        "video": piece.plan.seed,
        "fps": 1,
    }
    return compact(fields)[:-1] + ',"annotations":{\n'


def tail(count: int) -> str:
    """Return the file after its last annotation."""
    return f'}},"num_frames":{count}}}\n'


def _row(terms: Terms, instrument: Label, action: Action, phase: Label, box: Box | None) -> Row:
    verb, target = action
    where = NO_BOX if box is None else [round(value, 6) for value in box]
    triplet = terms.triplet_id(instrument, verb, target)
    return [triplet, instrument.id, 1.0, *where, verb.id, target.id, 1.0, *NO_BOX, phase.id]


def _empty_row(phase: Label) -> Row:
    no = NO_TERM
    return [no, no, UNKNOWN, *NO_BOX, no, no, UNKNOWN, *NO_BOX, phase.id]


def _entry(second: int, rows: list[Row]) -> str:
    return f'"{second}":{compact(rows)}'


def _categories(terms: Vocabulary) -> dict[str, str]:
    return {str(label.id): label.name for label in terms.labels}


def _path(folder: Path) -> Path:
    (folder / FOLDER).mkdir(exist_ok=True)
    return folder / FOLDER / FILE
