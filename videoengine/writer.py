"""The log writer: one thread that owns a case's log and checkpoint."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from videoengine.case import Case
from videoengine.errors import VideoEngineError
from videoengine.events import Event
from videoengine.log import FsyncPolicy

CAPACITY: Final = 4096
"""Events that may wait; a full queue makes the stages wait, and loses nothing."""


class LogWriter:
    """Takes events in their final order and makes them last in groups; a lane's sink.

    What the disk refuses is raised to whoever puts next, so a run never goes on unlogged.
    """

    def __init__(self, case: Case, *, fsync: FsyncPolicy = "group") -> None:
        """Open the case's log and start the thread."""
        self._case = case
        self._log = case.log(fsync=fsync)
        self._condition = threading.Condition()
        self._waiting: deque[Event | dict[str, Any]] = deque()
        self._busy = False
        self._closing = False
        self._failure: VideoEngineError | None = None
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, events: Sequence[Event]) -> None:
        """Queue events; waits while the queue is full."""
        self._enqueue(events)

    def checkpoint(self, row: dict[str, Any]) -> None:
        """Queue a checkpoint: written once every event before it is on the disk."""
        self._enqueue([row])

    def _enqueue(self, items: Sequence[Event | dict[str, Any]]) -> None:
        with self._condition:
            self._raise()
            while len(self._waiting) >= CAPACITY:
                self._condition.wait()
                self._raise()
            self._waiting.extend(items)
            self._condition.notify_all()

    def flush(self) -> None:
        """Wait until everything queued is on the disk."""
        with self._condition:
            while (self._waiting or self._busy) and self._failure is None:
                self._condition.wait()
            self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except VideoEngineError as error:
            with self._condition:
                self._failure = error
                self._waiting.clear()
        finally:
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    def _step(self) -> bool:
        with self._condition:
            while not self._waiting and not self._closing:
                due = self._log.due_in()
                if due is not None and due <= 0:
                    break
                self._busy = due is not None
                self._condition.wait(due)
            items = list(self._waiting)
            self._waiting.clear()
            self._busy = True
            self._condition.notify_all()
        for item in items:
            if isinstance(item, Event):
                self._log.append(item)
            else:
                self._log.commit()
                self._case.save_checkpoint({**item, "seq": self._log.seq})
        due = self._log.due_in()
        if due is not None and (due <= 0 or self._closing):
            self._log.commit()
        with self._condition:
            done = not self._waiting
            self._busy = self._log.due_in() is not None or not done
            self._condition.notify_all()
            return not (self._closing and done and not self._busy)

    def close(self) -> None:
        """Write what is queued, commit and stop; safe to call twice."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join()
        try:
            self._raise()
        finally:
            if self._failure is None:
                self._log.close()
