"""Every error a user can meet, and the exit code each one ends a command with.

VideoEngineError
├── UsageError      2  bad call: unknown name, impossible option (also a ValueError)
├── SourceError     3  the video cannot be read, or is not the one that was analysed
├── ModelError      4  a model or its weights are not available
├── CaseError       5  the case is corrupt, locked, missing or of a newer schema
└── OutputError     6  the target cannot be written
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import ClassVar, Final

EXIT_PARTIAL: Final = 7
"""The run finished, but a source or a stage failed on the way."""
EXIT_INTERRUPTED: Final = 130

_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]*@")


def redact(text: str) -> str:
    """Return `text` with user and password removed from every URL in it."""
    return _CREDENTIALS.sub(r"\g<scheme>***@", text)


def one_line(text: object) -> str:
    """Return `text` on one line, credentials removed."""
    return redact(" ".join(str(text).split()))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest of `known`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else ""


class VideoEngineError(Exception):
    """What happened, what was got, what is allowed and the remedy, on one line."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, got: object = None, allowed: object = None, remedy: str = ""
    ) -> None:
        """Compose the line; every part but `what` may be left out."""
        self.what = one_line(what)
        self.got = None if got is None else one_line(got)
        self.allowed = None if allowed is None else one_line(allowed)
        self.remedy = one_line(remedy)
        super().__init__(self.line())

    def line(self) -> str:
        """Return the whole message on one line."""
        text = self.what
        if self.got is not None:
            text += f"; got {self.got}"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        return f"{text}. {self.remedy}".rstrip() if self.remedy else f"{text}."


class UsageError(VideoEngineError, ValueError):
    """The call itself is wrong."""

    exit_code = 2


class SourceError(VideoEngineError):
    """The source cannot be read, or changed since it was analysed."""

    exit_code = 3


class ModelError(VideoEngineError):
    """A model, its weights or an extra is not available."""

    exit_code = 4


class CaseError(VideoEngineError):
    """The case directory is missing, corrupt, locked or newer than this version."""

    exit_code = 5


class OutputError(VideoEngineError):
    """The target exists, is read-only, or has no space left."""

    exit_code = 6
