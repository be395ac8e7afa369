"""Cholec80's own files, read by the reader of the dataset: numbers of frames at 25 a second."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

from videoengine.apps.importing.annotation import Found, Stated, Target
from videoengine.apps.importing.annotation_file import refuse
from videoengine.errors import SourceError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets.cholec80 import FPS, PHASES, TOOLS, read_phases, read_tools
from videoengine.payloads import InstrumentPayload, PhasePayload
from videoengine.vocabularies import vocabulary

SLACK_NS: Final = NS_PER_SECOND // FPS


def read_cholec80(path: Path, target: Target) -> Found:
    """Return the phases and tools of one video: a folder as Cholec80 lays it out, or one file.

    Raises:
        SourceError: A file is not as published, or a frame lies outside the case.
    """
    found = Found(SLACK_NS)
    found.rates_hz["instrument"] = Fraction(1)
    phases, tools = _files(path)
    try:
        if phases is not None:
            _add_phases(found, phases, target)
        if tools is not None:
            _add_tools(found, tools, target)
    except SourceError as error:
        raise SourceError(error.what, got=error.got, allowed=error.allowed) from error
    return found


def _files(path: Path) -> tuple[Path | None, Path | None]:
    """Return the file of the phases and that of the tools."""
    if not path.is_dir():
        is_tool = path.name.endswith("-tool.txt")
        return (None, path) if is_tool else (path, None)
    found = [sorted(path.rglob(f"*-{what}.txt")) for what in ("phase", "tool")]
    if any(len(files) > 1 for files in found) or not any(found):
        refuse(path, "the folder must hold the files of one video", got=f"{len(found[0])} and "
               f"{len(found[1])} files", allowed="*-phase.txt, *-tool.txt, or both")  # fmt: skip
    phases, tools = (files[0] if files else None for files in found)
    return phases, tools


def stretches(numbers: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (value, first, number after the last) of equal values at successive numbers."""
    joined: list[tuple[int, int, int]] = []
    for number, value in sorted(numbers):
        if joined and joined[-1][0] == value and joined[-1][2] == number:
            joined[-1] = (value, joined[-1][1], number + 1)
        else:
            joined.append((value, number, number + 1))
    return joined


def _add_phases(found: Found, path: Path, target: Target) -> None:
    terms = vocabulary(PHASES)
    for phase, first, after in stretches(read_phases(path, PHASES).items()):
        label = terms.label(phase)
        payload = PhasePayload(label, {str(label.id): 1.0})
        start_ns, end_ns = (-(-number * NS_PER_SECOND // FPS) for number in (first, after))
        place = f"{path}, frames {first} to {after - 1}"
        found.stated.append(Stated("phase", payload, start_ns, end_ns, place))


def _add_tools(found: Found, path: Path, target: Target) -> None:
    terms = vocabulary(TOOLS)
    for number, ids in read_tools(path).items():
        start_ns = number * NS_PER_SECOND // FPS
        place = f"{path}, frame {number}"
        for payload in [InstrumentPayload(terms.label(one)) for one in ids] or [
            InstrumentPayload(None)
        ]:
            end_ns = start_ns + target.frame_ns
            found.stated.append(Stated("instrument", payload, start_ns, end_ns, place, True))
