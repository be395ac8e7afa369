"""Writes that survive a kill: every write, fsync and rename of a case goes through here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from videoengine.errors import OutputError

Operation = Literal["write", "fsync", "rename"]
FaultHook = Callable[[Operation], None]

_fault: FaultHook | None = None


def inject_fault(hook: FaultHook | None) -> None:
    """Call `hook` in the middle of every write, and just before every fsync and rename.

    Tests use it to kill the process at the worst moments; None removes it.
    """
    global _fault
    _fault = hook


def _reach(operation: Operation) -> None:
    if _fault is not None:
        _fault(operation)


def append(descriptor: int, data: bytes) -> None:
    """Write all of `data` at the end of the file."""
    if _fault is not None:
        half = len(data) // 2
        _write_all(descriptor, data[:half])
        _reach("write")
        data = data[half:]
    _write_all(descriptor, data)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(descriptor: int) -> None:
    """Wait until the file's data is on the disk."""
    _reach("fsync")
    os.fdatasync(descriptor)


def rename(old: Path, new: Path) -> None:
    """Rename atomically, and wait until the folder's entry is on the disk."""
    _reach("rename")
    os.rename(old, new)
    folder = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace(path: Path, data: bytes) -> None:
    """Replace a file's content as one step: a reader sees the old or the new, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            append(descriptor, data)
            sync(descriptor)
        finally:
            os.close(descriptor)
        rename(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the one-line error for a target that the system refused to write."""
    return OutputError(
        f"{path} cannot be written",
        got=error.strerror or str(error),
        allowed="a writable place with free space",
        remedy="Free space or choose another --out; a case begun is finished by `resume`.",
    )
