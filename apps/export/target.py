"""A target that appears whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videoengine import durable
from videoengine.errors import OutputError


@contextmanager
def new_target(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it becomes the target when the block ends well.

    Raises:
        OutputError: The target exists, or the system refuses to write.
    """
    refuse_existing(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if folder:
            temporary.mkdir()
        else:
            temporary.touch(exist_ok=False)
        yield temporary
        _settle(temporary)
        if target.exists():
            raise OutputError(f"{target} appeared while it was written", remedy="Try again.")
        durable.rename(temporary, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def refuse_existing(target: Path) -> None:
    """Raise OutputError when something stands at `target`."""
    if target.exists() or target.is_symlink():
        raise OutputError(
            f"{target} exists already",
            allowed="a path that does not exist yet",
            remedy="Choose another --out.",
        )


def unwritable(target: Path, error: OSError) -> OutputError:
    """Return the one-line error for a target that the system refused to write."""
    return OutputError(
        f"{target} cannot be written",
        got=error.strerror or str(error),
        allowed="a writable place with free space",
        remedy="Free space or choose another --out.",
    )


def _settle(path: Path) -> None:
    """Wait until the content is on the disk: the rename must not come first."""
    for file in [path] if path.is_file() else path.rglob("*"):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
