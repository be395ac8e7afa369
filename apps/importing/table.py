"""CSV as `export --to csv` writes it, and as people write it: a row for each stretch.

Required columns are `start_seconds`, `end_seconds`, `kind` and `name`. Where the stamps of the
export still say the same as the seconds, they are taken, because they are exact; a row whose
seconds were edited is taken at its seconds.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from videoengine.apps.export.spans import Span
from videoengine.apps.importing.annotation import KINDS, Found, Target
from videoengine.apps.importing.annotation_file import (
    fraction_at,
    integer_at,
    read_text,
    refuse,
    seconds_at,
)
from videoengine.apps.importing.claims import OWN, Claim, heard

NEEDED: Final = ("start_seconds", "end_seconds", "kind", "name")
EXACT: Final = ("epoch", "start_stamp", "end_stamp", "time_base")
SLACK_NS: Final = 500_000
"""Seconds are written with three decimals."""
EDGE_NS: Final = 2
"""Stamps are rounded to nanoseconds, and so is the length of a frame."""

Row = dict[str, str]


def read_csv(path: Path, target: Target) -> Found:
    """Return the stretches of a table.

    Raises:
        SourceError: A column misses, or a row cannot be true of the case.
    """
    return heard(
        (_claim(place, row, target) for place, row in _rows(path)), target, slack_ns=SLACK_NS
    )


def _rows(path: Path) -> list[tuple[str, Row]]:
    """Return the rows with their places."""
    lines = csv.reader(read_text(path).splitlines(), strict=True)
    names: list[str] | None = None
    rows: list[tuple[str, Row]] = []
    try:
        for values in lines:
            place = f"{path}, line {lines.line_num}"
            if not any(value.strip() for value in values):
                continue
            if names is None:
                names = [value.strip() for value in values]
                missing = [name for name in NEEDED if name not in names]
                if missing:
                    refuse(place, f"the column {missing[0]!r} is missing", got=", ".join(names),
                           allowed=", ".join(NEEDED))  # fmt: skip
            elif len(values) != len(names):
                refuse(place, "the row has another length", got=f"{len(values)} values",
                       allowed=len(names))  # fmt: skip
            else:
                cells = (value.strip() for value in values)
                rows.append((place, dict(zip(names, cells, strict=True))))
    except csv.Error as error:
        refuse(f"{path}, line {lines.line_num}", "the table is broken", got=error)
    if names is None:
        refuse(path, "the table is empty", allowed=", ".join(NEEDED))
    return rows


def _claim(place: str, row: Row, target: Target) -> Claim:
    start_ns = seconds_at(row["start_seconds"], place, "start_seconds")
    end_ns = seconds_at(row["end_seconds"], place, "end_seconds")
    if row["kind"] in KINDS and row.get("epoch") and all(row.get(name) for name in EXACT):
        span = _span(place, row, target)
        exact = [_exact(place, row, name, span) for name in ("start_stamp", "end_stamp")]
        start_ns, end_ns = (
            stamped if abs(stamped - rounded) <= SLACK_NS + EDGE_NS else rounded
            for stamped, rounded in zip(exact, (start_ns, end_ns), strict=True)
        )
    name = row["name"].removeprefix("'")  # put before what a spreadsheet would run
    return Claim(row["kind"], row.get("stage") or OWN, name, start_ns, end_ns, place)


def _span(place: str, row: Row, target: Target) -> Span:
    index = integer_at(row["epoch"], place, "epoch")
    span = next((span for span in target.spans if span.epoch.index == index), None)
    base = fraction_at(row["time_base"], place, "time_base")
    if span is None or base != span.epoch.time_base:
        refuse(
            place,
            "the stamps are not those of this case",
            got=f"epoch {index} in ticks of {base} s",
            allowed=", ".join(
                f"epoch {s.epoch.index} in ticks of {s.epoch.time_base} s" for s in target.spans[:3]
            ),
            remedy="Is it the file of another case? Without stamps the seconds count.",
        )
    return span


def _exact(place: str, row: Row, name: str, span: Span) -> int:
    return span.case_ns(integer_at(row[name], place, name, low=-(2**63), high=2**63))
