"""Weights on this machine: where they lie, what they are, and whether they still are that."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from videoengine import durable
from videoengine.canonical import as_object
from videoengine.errors import ModelError

FOLDER_VARIABLE: Final = "VIDEOENGINE_MODELS"
RECORD: Final = "weights.json"
_BLOCK: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a model, as it was when it came."""

    name: str
    sha256: str
    size: int
    url: str
    revision: str
    """Commit of the hub, or an empty string."""


def default_folder() -> Path:
    """Return $VIDEOENGINE_MODELS, or the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "videoengine" / "models"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        ModelError: It cannot be read.
    """
    hasher = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                hasher.update(block)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read",
            got=error.strerror or error,
            remedy="Give the path of a weight file: --weights FILE.",
        ) from error
    return hasher.hexdigest()


def check_sha256(path: Path, expected: str | None, *, remedy: str) -> str:
    """Return the hash of a file; `expected` may be a prefix of at least 8 digits, or None.

    Raises:
        ModelError: It is another.
    """
    found = sha256_of(path)
    if expected is not None and not (len(expected) >= 8 and found.startswith(expected.lower())):
        raise ModelError(
            f"{path} is not the file that was asked for",
            got=f"SHA-256 {found}",
            allowed=expected,
            remedy=remedy,
        )
    return found


class Store:
    """A folder with one sub-folder a model; each appears whole or not at all."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder, by default the user's; it need not exist."""
        self.folder = default_folder() if folder is None else folder

    def place(self, model_id: str) -> Path:
        """Return the folder of a model, there or not."""
        return self.folder / model_id.replace("/", "--").replace(":", "--")

    def files(self, model_id: str) -> dict[str, StoredFile]:
        """Return what is recorded of a model by file name; empty when it is not here.

        Raises:
            ModelError: The record is damaged.
        """
        path = self.place(model_id) / RECORD
        if not path.is_file():
            return {}
        try:
            row = as_object(json.loads(path.read_text("utf-8"))) or {}
            return {str(name): StoredFile(**item) for name, item in row["files"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(
                f"{path} is damaged",
                got=error,
                remedy=f"videoengine models pull {model_id} --again",
            ) from error

    def verify(self, model_id: str) -> dict[str, Path]:
        """Return the paths of a model's files, each of them read and found unchanged.

        Raises:
            ModelError: A file is missing, or is not what it was.
        """
        remedy = f"videoengine models pull {model_id} --again"
        paths: dict[str, Path] = {}
        for name, stored in self.files(model_id).items():
            path = self.place(model_id) / name
            check_sha256(path, stored.sha256, remedy=remedy)
            paths[name] = path
        return paths

    @contextmanager
    def replacing(self, model_id: str) -> Iterator[tuple[Path, dict[str, StoredFile]]]:
        """Yield a folder and a record to fill; both take the model's place when all went well.

        Raises:
            OutputError: The place cannot be written.
        """
        target = self.place(model_id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            begun = Path(mkdtemp(prefix=".pull-", dir=self.folder))
        except OSError as error:
            raise durable.unwritable(self.folder, error) from error
        record: dict[str, StoredFile] = {}
        try:
            yield begun, record
            durable.replace(begun / RECORD, _record(record))
            old = begun.with_name(begun.name + ".old")
            if target.exists():
                durable.rename(target, old)
            durable.rename(begun, target)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise durable.unwritable(target, error) from error
        finally:
            shutil.rmtree(begun, ignore_errors=True)


def _record(files: Mapping[str, StoredFile]) -> bytes:
    row: dict[str, Any] = {
        "schema": 1,
        "files": {name: asdict(stored) for name, stored in files.items()},
    }
    return json.dumps(row, indent=1).encode()
