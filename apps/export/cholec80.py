"""Cholec80's own files: a phase for each frame at 25 frames/s, tools for each second.

A frame's number is its case time × 25, as Cholec80's videos have it; a stream of another rate is
asked at those moments. A frame of which nothing was stated has no row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from videoengine.apps.export.request import Request
from videoengine.apps.export.samples import Moment, Samples, samples_of
from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets.cholec80 import FPS, PHASES, TOOLS
from videoengine.recon3d.simulator.labels.cholec80 import TOOLS as COLUMNS_OF
from videoengine.vocabularies import vocabulary

VIDEO: Final = "video01"
PHASE_FILE: Final = f"phase_annotations/{VIDEO}-phase.txt"
TOOL_FILE: Final = f"tool_annotations/{VIDEO}-tool.txt"


def write_cholec80(request: Request, out: Path) -> int:
    """Write both files into a folder laid out as Cholec80, and return the number of phase rows."""
    phases = samples_of(request.case, "phase")
    tools = samples_of(request.case, "instrument")
    seconds = -(-request.timeline.end_ns // NS_PER_SECOND)
    rows: list[str] = []
    for number in range(seconds * FPS):
        moment = phases.at(-(-number * NS_PER_SECOND // FPS))
        if moment is not None:
            rows.append(f"{number}\t{term(moment.payloads[0]['label'], (PHASES,), 'Cholec80')}\n")
    if not rows:
        raise UsageError(
            "Cholec80 says the phase of each frame, and this case states none",
            allowed=f"a case with phases of {PHASES}",
        )
    names = [label.name for label in vocabulary(TOOLS).labels]
    lines = ["\t".join(("Frame", *names)) + "\n", *_tool_rows(tools, seconds)]
    for name, text in ((PHASE_FILE, ["Frame\tPhase\n", *rows]), (TOOL_FILE, lines)):
        (out / name).parent.mkdir()
        (out / name).write_text("".join(text), "utf-8", newline="\n")
    return len(rows)


def _tool_rows(tools: Samples, seconds: int) -> list[str]:
    rows: list[str] = []
    for second in range(seconds):
        moment = tools.at(second * NS_PER_SECOND)
        if moment is not None:
            flags = [str(int(column in _seen(moment))) for column in range(_columns())]
            rows.append("\t".join((str(second * FPS), *flags)) + "\n")
    return rows


def _columns() -> int:
    return len(vocabulary(TOOLS).labels)


def _seen(moment: Moment) -> set[int]:
    """Return the columns of the tools of a moment; CholecT50's instruments have the same order."""
    labels = [payload["label"] for payload in moment.payloads if payload.get("label")]
    for label in labels:
        term(label, (TOOLS, *COLUMNS_OF), "Cholec80")
    return {label["id"] for label in labels}


def term(label: dict[str, Any], allowed: tuple[str, ...], format_name: str) -> str:
    """Return the name of a label whose vocabulary a dataset has, or refuse it."""
    if label["vocabulary"] not in allowed:
        raise UsageError(
            f"{format_name} has no such term",
            got=f"{label['name']!r} of {label['vocabulary']}",
            allowed=", ".join(allowed),
            remedy="csv, elan and label-studio carry any vocabulary.",
        )
    return str(label["name"])
