"""Recordings from the field's label files: Cholec80's text and CholecT50's JSON.

Cholec80: a line `Frame<TAB>Phase`, or `Frame<TAB>Grasper<TAB>…` with 0, 1 or a probability.
CholecT50: rows of 15 by second; -1 is "unknown".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

from videoengine.apps.evaluate_recording import (
    Recording,
    Said,
    Track,
    known_terms,
    make_track,
    surest,
)
from videoengine.canonical import as_items, as_object
from videoengine.errors import SourceError
from videoengine.media_time import NS_PER_SECOND

MAX_BYTES: Final = 256 << 20
"""A label file above this is damage."""
ROW: Final = 15
CHOLECT50_PHASES: Final = 7
T = TypeVar("T")
Sure = tuple[Said, ...]


def read_text(path: Path) -> str:
    """Return a label file's text.

    Raises:
        SourceError: It is too large, no UTF-8, or cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path} is too large", allowed=f"{MAX_BYTES} bytes")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not text", allowed="UTF-8") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=error.strerror) from error


def phase_track(path: Path, fps: Fraction) -> Track[Said]:
    """Return the phases of a Cholec80 text file whose frames come at this rate."""
    return _table(path, fps, lambda cells: Said(cells[0]), columns=1)[1]


def tool_track(path: Path, fps: Fraction) -> tuple[tuple[str, ...], Track[Sure]]:
    """Return the tools of a Cholec80 text file, and their names as the header has them.

    A tool of which 0 is written is not seen; a probability is kept as its score.
    """
    names = tuple(read_text(path).split("\n", 1)[0].split()[1:])

    def seen(cells: list[str]) -> Sure:
        scores = [float(cell) for cell in cells]
        if not all(0 <= score <= 1 for score in scores):
            raise ValueError("a score outside of 0 to 1")
        known = any(score not in (0, 1) for score in scores)
        rows = zip(names, scores, strict=True)
        return tuple(Said(name, score, None, known) for name, score in rows if score > 0)

    return names, _table(path, fps, seen, columns=len(names))[1]


def _table(
    path: Path, fps: Fraction, read: Callable[[list[str]], T], *, columns: int
) -> tuple[list[str], Track[T]]:
    """Return the header's cells and the rows as a track."""
    lines = read_text(path).splitlines()
    rows: list[tuple[int, T]] = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split()
        if not cells:
            continue
        try:
            if len(cells) != columns + 1:
                raise ValueError(f"{len(cells)} cells")
            time_ns = round(int(cells[0]) * NS_PER_SECOND / fps)
            rows.append((time_ns, read(cells[1:])))
        except ValueError as error:
            raise SourceError(
                f"{path} is no Cholec80 label file",
                got=f"line {number}: {error}",
                allowed=f"a header, then a frame number and {columns} more cells a line",
            ) from error
    track = make_track(rows)
    if track is None:
        raise SourceError(f"{path} holds no labels", got=f"{len(lines)} lines")
    return lines[0].split(), track


def read_cholect50(path: Path) -> Recording:
    """Return the phases, tools, boxes and triplets of a CholecT50 JSON file."""
    try:
        row = as_object(json.loads(read_text(path)))
        if row is None:
            raise TypeError("no object")
        names = {
            kind: _terms(row["categories"], kind) for kind in ("instrument", "triplet", "phase")
        }
        frames = sorted((int(second), as_items(rows) or []) for second, rows in
                        row["annotations"].items())  # fmt: skip
        return _recording(path, names, frames)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"{path} is no CholecT50 label file",
            got=f"{type(error).__name__}: {error}",
            allowed='"categories", and "annotations" with rows of 15 by second',
        ) from error


def _terms(categories: Any, kind: str) -> tuple[str, ...]:
    table = {int(number): str(name) for number, name in categories[kind].items()}
    return tuple(table[number] for number in range(len(table)))


def _recording(
    path: Path, names: dict[str, tuple[str, ...]], frames: list[tuple[int, list[Any]]]
) -> Recording:
    phases = names["phase"]
    if known_terms(phases, "phase@") is None and len(phases) == CHOLECT50_PHASES:
        # CholecT50 spells Cholec80's phases in its own way, in the same order.
        phases = known_terms(["CalotTriangleDissection"], "phase@") or phases
    phase: list[tuple[int, Said]] = []
    tools: list[tuple[int, Sure]] = []
    boxes: list[tuple[int, Sure]] = []
    triplets: list[tuple[int, Sure]] = []
    for second, rows in frames:
        time_ns = second * NS_PER_SECOND
        if any(len(row) != ROW for row in rows):
            raise ValueError(f"second {second}: a row that is not {ROW} long")
        if rows and rows[0][14] >= 0:
            phase.append((time_ns, Said(phases[rows[0][14]])))
        seen = [_tool(row, names["instrument"]) for row in rows if row[1] >= 0]
        tools.append((time_ns, surest(seen)))
        boxes.append((time_ns, tuple(said for said in seen if said.box is not None)))
        done = [Said(names["triplet"][row[0]], _score(row[2])) for row in rows if row[0] >= 0]
        triplets.append((time_ns, surest(done)))
    boxed = any(value for _, value in boxes)
    acts = known_terms(names["triplet"], "triplet@")  # others have no known components
    return Recording(
        path.stem,
        str(path),
        make_track(phase),
        None,
        make_track(tools),
        make_track(boxes) if boxed else None,
        None if acts is None else make_track(triplets),
        {
            "phase": phases,
            "tools": names["instrument"],
            "boxes": names["instrument"],
            "triplets": acts or (),
        },
    )


def _tool(row: list[Any], names: tuple[str, ...]) -> Said:
    x, y, width, height = (float(value) for value in row[3:7])
    box = None if width <= 0 or height <= 0 or x < 0 or y < 0 else (x, y, width, height)
    return Said(names[row[1]], _score(row[2]), box)


def _score(value: float) -> float:
    return 1.0 if value < 0 else float(value)
