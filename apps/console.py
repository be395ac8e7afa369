"""The terminal: one line per error, progress on stderr, JSON alone on stdout."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from videoengine.errors import one_line
from videoengine.media_time import NS_PER_SECOND, clock

_SECRETS: Final = re.compile(rb"(?<=://)[^/@]*(?=@)|(?<=[?]).+")
"""Of a URL in the argument list: user and password, and the query."""
_ARG_START: Final = 45
"""Place of arg_start in /proc/self/stat after the name of the command (proc(5), field 48)."""


class ListenerGoneError(Exception):
    """Whoever read stdout has closed it."""


class StoppedError(Exception):
    """The user stopped a command; the message says what is left and how to go on."""


def complain(line: str) -> None:
    """Write one line on stderr."""
    try:
        print(f"videoengine: {one_line(line)}", file=sys.stderr, flush=True)
    except OSError:
        return  # nobody listens; the exit code still tells


def show(line: str) -> None:
    """Write a line for people on stdout."""
    try:
        print(line, flush=True)
    except BrokenPipeError as error:
        raise ListenerGoneError from error


def show_json(value: Any) -> None:
    """Write one JSON document on stdout; dataclasses become objects, paths strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    show(json.dumps(value, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def abandon_stdout() -> None:
    """After a broken pipe: let the interpreter flush into nothing instead of complaining."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


@contextmanager
def interruptible(remedy: str) -> Iterator[None]:
    """Turn an interrupt into StoppedError, with what the user can do next."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(f"Interrupted. {remedy}") from error


@contextmanager
def progress(unit: str) -> Iterator[Any]:
    """Yield a callback (case time in ns, count): a bar on a terminal, else a line a second."""
    if sys.stderr.isatty():
        with _bar(unit) as update:
            yield update
    else:
        yield _Lines(unit)


class _Lines:
    """Writes at most a line a second; none for what takes less."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._began: float | None = None
        self._newest = 0.0

    def __call__(self, case_ns: int, count: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = self._newest = now  # what came before the first picture is no progress
        if now - self._newest < 1.0:
            return
        self._newest = now
        pace = count / (now - self._began)
        text = f"{clock(case_ns)} of video, {count} {self._unit}, {pace:.0f} {self._unit}/s"
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _bar(unit: str) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(28), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    began: list[float] = []
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def update(case_ns: int, count: int) -> None:
            if not began:
                began.append(time.monotonic())
            speed = case_ns / NS_PER_SECOND / max(1e-3, time.monotonic() - began[0])
            text = f"{clock(case_ns)} of video  {count} {unit}  {speed:.1f}x real time"
            bars.update(task, description=text)

        yield update


def hide_credentials() -> None:
    """Overwrite users, passwords and queries of URLs in this process's title (Linux only).

    What was typed stands in /proc/PID/cmdline, where everybody on the machine can read it.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_START + 1])
        if not 0 < start < end:
            return
    except (OSError, ValueError, IndexError):
        return  # another system, or one that does not tell
    shown = ctypes.string_at(start, end - start)
    hidden = b"\0".join(
        _SECRETS.sub(lambda found: b"*" * len(found[0]), argument)
        if b"://" in argument
        else argument
        for argument in shown.split(b"\0")
    )
    ctypes.memmove(start, hidden, len(shown))
