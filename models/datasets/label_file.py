"""Reading label files: rows that know their line, and one clear error for what is wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from videoengine.canonical import as_items, as_object
from videoengine.errors import SourceError, UsageError

LARGEST_FILE: Final = 512 * 1024 * 1024
UNCHANGED: Final = "Copy the file again from the release."


def wrong(
    path: Path, line: int | str | None, what: str, *, got: object, allowed: object
) -> NoReturn:
    """Raise the one error for a label file: where, what, and what was expected there.

    Args:
        path: The file.
        line: Number of the line from 1, or the name of a place in a JSON file.
        what: What is wrong.
        got: What stands there.
        allowed: What may stand there.
    """
    where = (
        path
        if line is None
        else f"{path}, line {line}"
        if isinstance(line, int)
        else (f"{path}, at {line}")
    )
    raise SourceError(f"{where}: {what}", got=got, allowed=allowed, remedy=UNCHANGED)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, its values as they are written."""

    path: Path
    line: int
    values: tuple[str, ...]
    columns: tuple[str, ...]

    def text(self, column: str) -> str:
        """Return the value of a column, without the spaces around it."""
        return self.values[self.columns.index(column)].strip()

    def integer(self, column: str, low: int, high: int) -> int:
        """Return the value of a column as an integer from `low` to `high`."""
        text = self.text(column)
        number = int(text) if text.removeprefix("-").isdecimal() and len(text) <= 18 else None
        if number is None or not low <= number <= high:
            wrong(
                self.path,
                self.line,
                f"{column} is wrong",
                got=repr(text[:40]),
                allowed=f"an integer from {low} to {high}",
            )
        return number

    def seconds(self, column: str) -> float:
        """Return the value of a column as a time of at least 0 s."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e9:
            wrong(
                self.path,
                self.line,
                f"{column} is wrong",
                got=repr(text[:40]),
                allowed="seconds, such as 12.5",
            )
        return value

    def refuse(self, what: str, *, got: object, allowed: object) -> NoReturn:
        """Raise the error that this row is wrong."""
        wrong(self.path, self.line, what, got=got, allowed=allowed)


def read_text(path: Path) -> str:
    """Return the text of a label file, without a byte order mark.

    Raises:
        SourceError: It cannot be read, is too large, or is no UTF-8.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            wrong(
                path,
                None,
                "the file is too large for labels",
                got="more than 512 MiB",
                allowed="up to 512 MiB",
            )
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read", got=error.strerror, remedy="Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        wrong(
            path,
            None,
            "the file is no text",
            got=f"byte {error.start} is no UTF-8",
            allowed="UTF-8",
        )


def read_table(
    path: Path,
    columns: Sequence[str] | None,
    *,
    delimiter: str = ",",
    header: bool = True,
) -> Iterator[Row]:
    """Yield the rows of a table; empty lines are left out.

    Args:
        path: The file.
        columns: Columns that must be there, in any order among others; without a header these are
            all columns, in order. None with a header accepts any.
        delimiter: What stands between two values.
        header: Whether the first line names the columns.

    Raises:
        SourceError: The file cannot be read, misses a column, or has a row of another length.
    """
    lines = csv.reader(read_text(path).splitlines(), delimiter=delimiter, strict=True)
    names = None if header else tuple(columns or ())
    try:
        for values in lines:
            if not any(value.strip() for value in values):
                continue
            if names is None:
                names = tuple(value.strip() for value in values)
                _check_columns(path, lines.line_num, names, columns or ())
                continue
            if len(values) != len(names):
                wrong(
                    path,
                    lines.line_num,
                    "the row has another length",
                    got=f"{len(values)} values",
                    allowed=f"{len(names)}: {', '.join(names[:8])}",
                )
            yield Row(path, lines.line_num, tuple(values), names)
    except csv.Error as error:
        wrong(path, lines.line_num, "the table is broken", got=error, allowed="quotes that close")
    if names is None:
        wrong(path, 1, "the table is empty", got="no line", allowed="a header and rows")


def _check_columns(path: Path, line: int, names: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        wrong(
            path,
            line,
            f"the column {missing[0]!r} is missing",
            got=", ".join(names[:12]),
            allowed=", ".join(columns),
        )


def read_json(path: Path) -> Any:
    """Return the value of a JSON file."""
    return parse_json(path, read_text(path), 1)


def parse_json(path: Path, text: str, first_line: int) -> Any:
    """Return the value of JSON text that begins at a line of a file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        wrong(path, line, "this is no JSON", got=error.msg, allowed="the JSON of the release")
    except RecursionError:
        wrong(path, first_line, "the JSON is nested too deeply", got="no end", allowed="labels")


def object_at(path: Path, value: Any, place: str) -> dict[str, Any]:
    """Return a JSON object that must stand at a place."""
    row = as_object(value)
    if row is None:
        wrong(path, place, "an object is missing", got=repr(value)[:40], allowed="an object {…}")
    return row


def items_at(path: Path, value: Any, place: str) -> list[Any]:
    """Return a JSON array that must stand at a place."""
    items = as_items(value)
    if items is None:
        wrong(path, place, "a list is missing", got=repr(value)[:40], allowed="a list […]")
    return list(items)


def numbers_at(path: Path, value: Any, place: str, count: int) -> list[float]:
    """Return `count` finite numbers that must stand at a place."""
    items = items_at(path, value, place)
    good = [item for item in items if isinstance(item, int | float) and abs(item) < 1e9]
    if len(good) != len(items) or len(items) != count:
        wrong(path, place, "numbers are missing", got=repr(value)[:60], allowed=f"{count} numbers")
    return [float(item) for item in good]


def term_of(row: Row, vocabulary: Any, name: str) -> int:
    """Return the id of a vocabulary's term that a row names."""
    try:
        found: int = vocabulary.label(name).id
    except UsageError as error:
        row.refuse(f"{vocabulary.name} has no such term", got=repr(name), allowed=error.allowed)
    return found
