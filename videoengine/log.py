"""The event log: one JSON object a line, each chained to the one before by SHA-256.

A kill can tear only the line being written: a file that does not end in a newline has a torn
tail, which the writer cuts off and readers ignore. Any other damage is corruption.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from videoengine import durable
from videoengine.canonical import digest
from videoengine.errors import CaseError
from videoengine.events import GENESIS, Event, event_from_json

FsyncPolicy = Literal["always", "group", "never"]
GROUP_EVENTS: Final = 64
GROUP_SECONDS: Final = 0.05
MAX_LINE_BYTES: Final = 1 << 20
"""No event is longer: a longer line is damage, and is not read into memory."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where a log ends."""

    seq: int
    """Sequence number of the next event."""
    tip: str
    """Hash of the last one."""
    offset: int
    """Bytes."""


def read_log(path: Path, *, verify: bool = True) -> Iterator[tuple[int, Event]]:
    """Yield (offset after the line, event) for every whole line of a log.

    Args:
        path: The `events.jsonl`.
        verify: Check sequence numbers, chain and hashes as well as the shape of each line.

    Raises:
        CaseError: A line is damaged; the message names it.
    """
    previous, offset, number = GENESIS, 0, 0
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CaseError(
            f"{path} cannot be read", got=error.strerror, remedy="Is this a case directory?"
        ) from error
    with stream:
        while line := stream.readline(MAX_LINE_BYTES + 1):
            if not line.endswith(b"\n"):
                if len(line) > MAX_LINE_BYTES:
                    raise _damaged(path, number, f"longer than {MAX_LINE_BYTES} bytes")
                return
            offset += len(line)
            event = _parse(path, number, line)
            if verify:
                _check(path, number, event, previous)
            previous = event.hash
            number += 1
            yield offset, event


def _parse(path: Path, number: int, line: bytes) -> Event:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, number, "not JSON") from error
    try:
        return event_from_json(row)
    except CaseError as error:
        if "newer" in error.what:
            raise
        raise _damaged(path, number, error.line()) from error


def _check(path: Path, number: int, event: Event, previous: str) -> None:
    row = event.to_json()
    del row["hash"]
    if event.seq != number:
        raise _damaged(path, number, f"sequence number {event.seq} instead of {number}")
    if event.prev != previous:
        raise _damaged(path, number, "its chain does not continue the line before")
    try:
        matches = digest(row) == event.hash
    except ValueError:
        matches = False
    if not matches:
        raise _damaged(path, number, "its content does not match its hash")


def _damaged(path: Path, number: int, why: str) -> CaseError:
    return CaseError(
        f"{path.name} is damaged at line {number + 1}",
        got=why,
        allowed="an unbroken chain of events",
        remedy="Restore the case from a backup, or analyze the source again into another --out.",
    )


class EventLog:
    """The one writer of a log. Not thread-safe: the log writer's thread owns it."""

    def __init__(
        self, path: Path, *, fsync: FsyncPolicy = "group", end: LogEnd | None = None
    ) -> None:
        """Open or create the log, verify it, and cut off a torn tail.

        Args:
            path: The `events.jsonl`.
            fsync: When lines are made to last.
            end: Where its last whole line ends, for who has just read it; it is not read again.
        """
        self.path = path
        self.fsync: FsyncPolicy = fsync
        self._buffer: list[bytes] = []
        self._oldest_s: float | None = None
        self.seq = 0
        self.tip = GENESIS
        self._offset = 0
        if end is not None:
            self.seq, self.tip, self._offset = end.seq, end.tip, end.offset
        elif path.exists():
            for self._offset, event in read_log(path):
                self.seq, self.tip = event.seq + 1, event.hash
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._descriptor, self._offset)
        except OSError as error:
            raise durable.unwritable(path, error) from error

    def append(self, event: Event) -> Event:
        """Chain an event and buffer its line; `commit` makes it last."""
        placed, line = event.chained(self.seq, self.tip)
        self.seq, self.tip = self.seq + 1, placed.hash
        self._buffer.append(line.encode() + b"\n")
        if self._oldest_s is None:
            self._oldest_s = time.monotonic()
        if self.fsync == "always" or len(self._buffer) >= GROUP_EVENTS:
            self.commit()
        return placed

    def due_in(self) -> float | None:
        """Return the seconds until the group must be committed, or None when nothing waits."""
        if self._oldest_s is None:
            return None
        return max(0.0, GROUP_SECONDS - (time.monotonic() - self._oldest_s))

    def commit(self) -> None:
        """Write what is buffered and wait until it is on the disk."""
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        try:
            durable.append(self._descriptor, data)
            if self.fsync != "never":
                durable.sync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._offset)
            raise durable.unwritable(self.path, error) from error
        self._offset += len(data)
        self._buffer.clear()
        self._oldest_s = None

    def close(self) -> None:
        """Commit and close; safe to call twice."""
        if self._descriptor < 0:
            return
        try:
            self.commit()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
