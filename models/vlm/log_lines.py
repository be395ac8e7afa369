"""Lines of a log, from any place in it, as events; quicker than `Case.events`, and unverified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from videoengine import log as event_log
from videoengine.errors import CaseError
from videoengine.events import Event
from videoengine.timeline import Runs, closed_runs

STATEMENTS: Final = frozenset(
    ("question", "answer", "note", "reported", "signature", "audit", "correction")
)
"""Kinds that people and the apps append to a finished log: but for corrections, they change no
segment."""


class Line:
    """A log line that answers like an Event; building a frozen one costs as much as parsing it."""

    def __init__(self, row: dict[str, Any]) -> None:
        """Take the fields."""
        self.__dict__ = row


@dataclass(slots=True)
class Reached:
    """How far a log was read."""

    events: int = 0
    offset: int = 0
    """Bytes: the end of the last whole line."""
    line_start: int = 0
    """Bytes: the start of that line."""
    tip: str = ""
    """Hash of that line."""
    epoch: int = 0
    last_ns: int = 0
    """Stamp at which its event ends."""
    said: dict[str, int] = field(default_factory=dict[str, int])
    """Events of each kind that was appended to the finished log."""


def lines(path: Path, reached: Reached, *, only: bytes = b"") -> Iterator[Event]:
    """Yield the events of whole lines from where `reached` stands, and move it along.

    Args:
        path: The log.
        reached: Where to begin; it stands after the event that was yielded last.
        only: Lines without these bytes are passed over.
    """
    limit, decode = event_log.MAX_LINE_BYTES, json.JSONDecoder().decode
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CaseError(f"{path} cannot be read", got=error.strerror) from error
    with stream:
        stream.seek(reached.offset)
        while line := stream.readline(limit + 1):
            if not line.endswith(b"\n"):
                if len(line) > limit:
                    raise CaseError(f"{path.name} has a line longer than {limit} bytes")
                return
            reached.line_start, reached.offset = reached.offset, reached.offset + len(line)
            reached.events += 1
            if only not in line:
                continue
            event = cast("Event", Line(decode(line.decode())))
            reached.tip, reached.epoch, reached.last_ns = event.hash, event.epoch, event.end_ns
            if event.kind in STATEMENTS:
                reached.said[event.kind] = reached.said.get(event.kind, 0) + 1
            yield event


def runs_of(path: Path) -> Runs:
    """Return the closed runs of a log, or raise that there is none."""
    return closed_runs(lines(path, Reached(), only=b'"kind":"run"'))
