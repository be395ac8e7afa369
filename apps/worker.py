"""A worker: calls made in order in a thread of their own, beside the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Self

AHEAD: Final = 4
"""The caller waits while this many calls are not done yet: memory stays flat."""


class Worker:
    """Makes calls one after another; what one raises, the caller meets at its next one."""

    def __init__(self, name: str) -> None:
        """Start with nothing to do; `name` is that of the thread."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[Future[object]] = deque()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a call made after those before it."""
        while len(self._waiting) >= AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(function, *arguments))

    def finish(self) -> None:
        """Wait until every call has been made."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Make the calls that wait, or, after an exception, leave them out; end the thread."""
        try:
            if kind is None:
                self.finish()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
