"""JSON files of any length in flat memory: rows are written as they come."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any


def compact(value: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class JsonDocument:
    """One JSON object: fields known at the start, then lists that grow side by side."""

    def __init__(self, path: Path, fields: Mapping[str, Any], lists: Sequence[str]) -> None:
        """Write the fields; the first list goes straight into the file, others wait beside it."""
        self._file = path.open("w", encoding="utf-8", newline="\n")
        head = "".join(f'"{name}":{compact(value)},\n' for name, value in fields.items())
        self._file.write(f'{{{head}"{lists[0]}":[')
        self._lists: dict[str, IO[str]] = {lists[0]: self._file}
        for name in lists[1:]:
            self._lists[name] = _open_beside(path)
        self._counts = dict.fromkeys(lists, 0)

    def append(self, name: str, row: Any) -> None:
        """Add a row to a list."""
        self._lists[name].write(("," if self._counts[name] else "") + "\n" + compact(row))
        self._counts[name] += 1

    def close(self) -> None:
        """Close the lists and the object; safe to call twice."""
        if self._file.closed:
            return
        self._file.write("]")
        for name, rows in self._lists.items():
            if rows is not self._file:
                self._file.write(f',\n"{name}":[')
                rows.seek(0)
                shutil.copyfileobj(rows, self._file)
                rows.close()
                self._file.write("]")
        self._file.write("}\n")
        self._file.close()


def _open_beside(path: Path) -> IO[str]:
    """Return an unnamed file on the same disk, gone when it is closed."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)
