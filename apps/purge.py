"""`purge`: delete the raw recording of a case, and say so in its log."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.apps.statements import state
from videoengine.case import Case
from videoengine.errors import CaseError, OutputError
from videoengine.events import Draft
from videoengine.payloads import AuditPayload

QUARANTINE: Final = "quarantine"
ENGINE: Final = "engine"


@dataclass(frozen=True, slots=True)
class Purged:
    """What was deleted."""

    case: Path
    files: int
    size: int
    """Bytes."""


def purge(case: str | Path) -> Purged:
    """Delete everything in `quarantine/` and append an `audit` event to the log.

    Raises:
        CaseError: Another process is writing the case, or its log is damaged.
        OutputError: Something cannot be deleted.
    """
    with Case.open_for_writing(case) as opened:
        opened.log().close()  # a damaged log is refused before anything is deleted
        files, size = _empty(opened.path / QUARANTINE)
        audit = Draft("audit", AuditPayload("purge", user(), QUARANTINE))
        state(opened, [audit], stage=ENGINE)
        return Purged(opened.path, files, size)


def _empty(folder: Path) -> tuple[int, int]:
    """Delete what is in `folder`, never what a link in it points at; return files and bytes."""
    if folder.is_symlink():
        raise CaseError(
            "quarantine/ is a link", got=folder, allowed="a folder inside the case", remedy=""
        )
    files = size = 0
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for path in _files(folder):
            files, size = files + 1, size + path.lstat().st_size
        for item in list(folder.iterdir()):
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be emptied",
            got=error.strerror,
            remedy="Check who owns it and whether the disk is read-only, then purge again.",
        ) from error
    return files, size


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def user() -> str:
    """Return the name of the user of the operating system, or their number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
