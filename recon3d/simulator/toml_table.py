"""TOML tables whose errors name file and line; the standard library's parser gives neither."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from videoengine.canonical import as_items, as_object
from videoengine.errors import UsageError, nearest

Place = tuple[str | int, ...]
"""Keys and positions from the top of a file to one of its values."""

LARGEST_BYTES: Final = 1_000_000
_PARSE_LINE: Final = re.compile(r"at line (\d+)")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_BARE: Final = re.compile(r"[^\s,\[\]{}=#]+")
_KEY: Final = re.compile(rf"(?:{_STRING.pattern}|[A-Za-z0-9_-]+|\s*\.\s*)+", re.DOTALL)
_KEY_PART: Final = re.compile(rf"{_STRING.pattern}|[A-Za-z0-9_-]+", re.DOTALL)
_SPACE: Final = re.compile(r"(?:\s|#[^\n]*)+")


class LineFinder:
    """Finds the line of every table, key and list item of a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        """Walk over the text once."""
        self.lines: dict[Place, int] = {}
        self._text = text
        self._at = 0
        self._table: Place = ()
        self._counts: dict[Place, int] = {}
        self._skip()
        while self._at < len(text):
            if text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found:
            self._at = found.end()

    def _mark(self, place: Place) -> None:
        # the first mention stands: a sub-table's header also implies its parents
        self.lines.setdefault(place, self._text.count("\n", 0, self._at) + 1)

    def _key(self) -> Iterator[str]:
        found = _KEY.match(self._text, self._at)
        if found is None:  # cannot happen in TOML; moving on keeps the walk finite
            self._at += 1
            return
        self._at = found.end()
        for part in _KEY_PART.findall(found.group()):
            # unquoting by the parser itself keeps escapes right
            yield tomllib.loads(f"k = {part}")["k"] if part[0] in "\"'" else part

    def _header(self) -> None:
        many = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if many else 1
        self._skip()
        parts = list(self._key())
        end = self._text.find("\n", self._at)
        place: Place = ()
        for number, part in enumerate(parts):
            place = (*place, part)
            last = number == len(parts) - 1
            if last and many:
                self._counts[place] = self._counts.get(place, -1) + 1
            if place in self._counts:
                place = (*place, self._counts[place])
            self._at = start
            self._mark(place)
        self._table = place
        self._at = end if end >= 0 else len(self._text)

    def _pair(self, table: Place) -> None:
        start = self._at
        place = (*table, *self._key())
        end, self._at = self._at, start
        self._mark(place)
        self._at = end
        self._skip()
        self._at += 1  # the equals sign
        self._value(place)

    def _value(self, place: Place) -> None:
        self._skip()
        self._mark(place)
        first = self._text[self._at : self._at + 1]
        if first in ("[", "{"):
            self._nest(place, "]" if first == "[" else "}")
            return
        found = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
        self._at = found.end() if found else self._at + 1

    def _nest(self, place: Place, close: str) -> None:
        self._at += 1
        count = 0
        while True:
            self._skip()
            if self._at >= len(self._text) or self._text[self._at] == close:
                self._at += 1
                return
            if self._text[self._at] == ",":
                self._at += 1
            elif close == "]":
                self._value((*place, count))
                count += 1
            else:
                self._pair(place)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that was read, for the errors that speak of it."""

    path: Path
    lines: Mapping[Place, int]

    def error(
        self, place: Place, what: str, *, got: object = None, allowed: object = None, remedy: str
    ) -> UsageError:
        """Return an error that names the file and the line of the nearest known place."""
        while place and place not in self.lines:
            place = place[:-1]
        where = f"{self.path}, line {self.lines.get(place, 1)}"
        return UsageError(f"{where}: {what}", got=got, allowed=allowed, remedy=remedy)


def read_toml(path: Path) -> Table:
    """Read a TOML file and return its outermost table.

    Raises:
        UsageError: The file cannot be read or is not TOML.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(
                f"{path} is too large",
                got=f"{path.stat().st_size} bytes",
                allowed=f"up to {LARGEST_BYTES} bytes",
                remedy="Check that it is the right file.",
            )
        text = path.read_text("utf-8")
        row = tomllib.loads(text)
        lines = LineFinder(text.replace("\r\n", "\n")).lines
    except tomllib.TOMLDecodeError as error:
        found = _PARSE_LINE.search(str(error))
        line = int(found.group(1)) if found else len(path.read_text("utf-8").splitlines())
        file = TomlFile(path, {(): line})
        raise file.error((), "This is not TOML", got=error, remedy="Mend that line.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read as text", got=error) from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deeply", remedy="Write it flatter.") from error
    return Table(TomlFile(path, lines), (), row)


@dataclass(slots=True)
class Table:
    """One table of a file: each key is asked for by type, and `close` refuses those left over."""

    file: TomlFile
    place: Place
    row: Mapping[str, Any]
    asked: list[str] = field(default_factory=list[str])

    def error(
        self, key: str | None, what: str, *, got: object = None, allowed: object = None, remedy: str
    ) -> UsageError:
        """Return an error about a key of this table, or about the table."""
        place = self.place if key is None else (*self.place, key)
        return self.file.error(place, what, got=got, allowed=allowed, remedy=remedy)

    def close(self) -> None:
        """Refuse the keys that nothing asked for."""
        for key in self.row:
            if key not in self.asked:
                raise self.error(
                    key,
                    "Unknown key",
                    got=repr(key),
                    allowed=", ".join(self.asked),
                    remedy=nearest(key, self.asked) or "Remove it.",
                )

    def has(self, key: str) -> bool:
        """Return whether an optional key is there."""
        self.asked.append(key)
        return key in self.row

    def _get(self, key: str, kind: str) -> Any:
        if not self.has(key):
            raise self.error(None, f"The key {key!r} is missing", remedy=f"Add {key} = {kind}.")
        return self.row[key]

    def _wrong(self, key: str, kind: str) -> UsageError:
        return self.error(
            key,
            f"The value of {key!r} does not fit",
            got=repr(self.row[key]),
            allowed=kind,
            remedy="Change it.",
        )

    def text(self, key: str, allowed: Iterable[str] = ()) -> str:
        """Return a text, one of `allowed` where that is given."""
        known = list(allowed)
        value = self._get(key, " or ".join(f'"{name}"' for name in known) or '"…"')
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        if known and value not in known:
            raise self.error(
                key,
                f"The value of {key!r} is not known",
                got=repr(value),
                allowed=", ".join(known),
                remedy=nearest(value, known) or "Use one of those.",
            )
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number from `low` to `high`."""
        kind = f"a number from {low:g} to {high:g}"
        if default is not None and not self.has(key):
            return default
        value = self._get(key, kind)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self._wrong(key, kind)
        return float(value)

    def pair(self, key: str, low: float, high: float) -> tuple[float, float]:
        """Return the two numbers `[least, most]`, both from `low` to `high`."""
        kind = f"[least, most], two numbers from {low:g} to {high:g}"
        items = as_items(self._get(key, kind))
        good = items is not None and len(items) == 2
        for value in items or ():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            good = good and number and low <= cast(float, value) <= high
        if items is None or not good:
            raise self._wrong(key, kind)
        least, most = float(items[0]), float(items[1])
        if least > most:
            raise self.error(
                key,
                f"The least of {key!r} is above the most",
                got=f"[{least:g}, {most:g}]",
                remedy=f"Write [{most:g}, {least:g}].",
            )
        return least, most

    def table(self, key: str) -> Table:
        """Return a table within this one."""
        value = as_object(self._get(key, "{…}"))
        if value is None:
            raise self._wrong(key, "a table")
        return Table(self.file, (*self.place, key), value)

    def tables(self, key: str) -> list[Table]:
        """Return the tables of a list that is not empty."""
        items = as_items(self._get(key, "[…]"))
        rows = [as_object(item) for item in items or ()]
        if not rows or None in rows:
            raise self._wrong(key, "one table or more")
        found: list[Table] = []
        for number, row in enumerate(rows):
            if row is not None:
                found.append(Table(self.file, (*self.place, key, number), row))
        return found
