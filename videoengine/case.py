"""The case: a relocatable directory that holds all that is known about one procedure.

manifest.json   what was analysed, by which version, the epochs; the only wall-clock times
events.jsonl    the log (videoengine.log)
checkpoint.json where an interrupted run goes on; absent once the run has closed
artifacts/      what events point at
index.sqlite    the log as rows that questions find at once; made from it, may be deleted
quarantine/     raw packets, mode 0700; nothing reads it except through the Gate
report.html, note.md
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from videoengine import durable
from videoengine.canonical import as_object
from videoengine.errors import CaseError, OutputError
from videoengine.events import SCHEMA, Event
from videoengine.log import EventLog, FsyncPolicy, LogEnd, read_log
from videoengine.media_time import Epoch
from videoengine.timeline import Timeline, TimelineBuilder, closed_runs

MANIFEST: Final = "manifest.json"
EVENTS: Final = "events.jsonl"
CHECKPOINT: Final = "checkpoint.json"
LOCK: Final = "lock"
MAX_JSON_BYTES: Final = 64 << 20
"""A manifest or checkpoint above this is damage."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The recorded source a case was made from; it is never copied into the case."""

    path: str
    size: int
    sha256: str
    kind: str = "file"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the source was opened with: fps, stamps."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`."""

    schema: int
    case_id: str
    created: str
    """Wall clock, ISO 8601."""
    version: str
    """The videoengine that made it."""
    stream_id: str
    modality: str
    procedure: str | None
    run_id: str
    """The newest run."""
    config: dict[str, Any]
    """Resolved configuration of the newest run."""
    source: SourceRecord | None
    epochs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def to_json(self) -> dict[str, Any]:
        """Return the file's object."""
        row = {name: getattr(self, name) for name in self.__slots__}
        if self.source is not None:
            row["source"] = {name: getattr(self.source, name) for name in self.source.__slots__}
        return row


_MANIFEST_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "schema": (int,),
    "case_id": (str,),
    "created": (str,),
    "version": (str,),
    "stream_id": (str,),
    "modality": (str,),
    "procedure": (str, type(None)),
    "run_id": (str,),
    "config": (dict,),
    "source": (dict, type(None)),
    "epochs": (list,),
}


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CaseError(f"{path.name} is too large", allowed=f"{MAX_JSON_BYTES} bytes")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise CaseError(
            f"{path} cannot be read", got=error.strerror, remedy="Is this a case directory?"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CaseError(
            f"{path.name} is not JSON",
            got=type(error).__name__,
            remedy="Restore the case from a backup, or analyze the source again.",
        ) from error


def read_manifest(path: Path) -> Manifest:
    """Read and check a `manifest.json`."""
    row = as_object(_read_json(path))
    if row is None:
        raise CaseError(f"{path.name} is not an object")
    schema = row.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise CaseError(
            "The case comes from a newer videoengine",
            got=f"schema {schema}",
            allowed=f"schema {SCHEMA}",
            remedy="Upgrade: pip install --upgrade videoengine",
        )
    if set(row) != set(_MANIFEST_TYPES):
        odd = sorted(map(str, set(row) ^ set(_MANIFEST_TYPES)))
        raise CaseError(f"{path.name} has missing or unknown fields", got=", ".join(odd))
    for name, kinds in _MANIFEST_TYPES.items():
        if not isinstance(row[name], kinds) or isinstance(row[name], bool):
            raise CaseError(
                f"{path.name}: field {name!r} has the wrong type", got=type(row[name]).__name__
            )
    try:
        source = None if row["source"] is None else SourceRecord(**row["source"])
        for epoch in row["epochs"]:
            Epoch.from_json(epoch)
    except (TypeError, ValueError, KeyError, ZeroDivisionError) as error:
        raise CaseError(f"{path.name} has a damaged row", got=error) from error
    row["source"] = source
    return Manifest(**row)


class Case:
    """A case directory. Reading needs no lock; writing holds the one OS lock."""

    def __init__(self, path: Path, manifest: Manifest, lock: int | None = None) -> None:
        """Use `open`, `create` or `open_for_writing`."""
        self.path = path
        self.manifest = manifest
        self._lock = lock

    @classmethod
    def open(cls, path: str | Path) -> Case:
        """Open a case for reading."""
        folder = Path(path)
        if not (folder / MANIFEST).is_file():
            raise CaseError(
                f"{folder} is not a case",
                got="no manifest.json" if folder.exists() else "nothing there",
                allowed="a directory made by `videoengine analyze`",
            )
        return cls(folder, read_manifest(folder / MANIFEST))

    @classmethod
    def open_for_writing(cls, path: str | Path) -> Case:
        """Open a case as its one writer; refused with the holder's pid when there is one."""
        case = cls.open(path)
        case._lock = _acquire(case.path)
        case.manifest = read_manifest(case.path / MANIFEST)
        return case

    @classmethod
    def create(cls, path: str | Path, manifest: Manifest) -> Case:
        """Make a case as one step: it exists whole and locked, or not at all."""
        cls.refuse_existing(path)
        target = Path(path).absolute()
        temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            for stale in target.parent.glob(f".{target.name}.*.partial"):
                _remove_if_abandoned(stale)
            temporary.mkdir(parents=True)
            for name, mode in (("artifacts", 0o755), ("quarantine", 0o700)):
                (temporary / name).mkdir(mode=mode)
            (temporary / EVENTS).touch()
            lock = _acquire(temporary)
            case = cls(temporary, manifest, lock)
            case.save_manifest(manifest)
            durable.rename(temporary, target)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise durable.unwritable(target, error) from error
        except OutputError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        case.path = target
        return case

    @staticmethod
    def refuse_existing(path: str | Path) -> None:
        """Raise when something stands at `path`: OutputError, or CaseError while it is written."""
        target = Path(path)
        if not target.exists() and not target.is_symlink():
            return
        if (target / LOCK).is_file():
            os.close(_acquire(target))
        raise OutputError(
            f"{path} exists already",
            allowed="a path that does not exist yet",
            remedy="Finish it with `videoengine resume`, or choose another --out.",
        )

    def save_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest as one step."""
        data = json.dumps(manifest.to_json(), indent=1, ensure_ascii=False).encode()
        durable.replace(self.path / MANIFEST, data)
        self.manifest = manifest

    def save_epochs(self, epochs: list[Epoch]) -> None:
        """Write the epoch rows into the manifest."""
        self.save_manifest(replace(self.manifest, epochs=[row.to_json() for row in epochs]))

    def log(self, *, fsync: FsyncPolicy = "group", end: LogEnd | None = None) -> EventLog:
        """Open the log for appending, from a known end or verified; only the writer may."""
        if self._lock is None:
            raise CaseError("The case is open for reading only", remedy="Use open_for_writing.")
        return EventLog(self.path / EVENTS, fsync=fsync, end=end)

    def events(self, *kinds: str, verify: bool = True) -> Iterator[Event]:
        """Yield the events in log order, all or only some kinds."""
        for _, event in read_log(self.path / EVENTS, verify=verify):
            if not kinds or event.kind in kinds:
                yield event

    def timeline(self) -> Timeline:
        """Fold the newest closed run of each stage into a Timeline."""
        builder = TimelineBuilder(closed_runs(self.events("run")))
        for event in self.events(verify=False):
            builder.add(event)
        return builder.build()

    def checkpoint(self) -> dict[str, Any] | None:
        """Return the newest checkpoint, or None."""
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        row = as_object(_read_json(path))
        if row is None or not isinstance(row.get("run_id"), str):
            raise CaseError(f"{path.name} is damaged", remedy=f"Delete it: rm {path}")
        return row

    def save_checkpoint(self, row: dict[str, Any]) -> None:
        """Replace the checkpoint as one step."""
        durable.replace(self.path / CHECKPOINT, json.dumps(row).encode())

    def drop_checkpoint(self) -> None:
        """Remove the checkpoint of a closed run."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def close(self) -> None:
        """Release the lock, if held; safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Case:
        """Return the case."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.close()


def _acquire(folder: Path) -> int:
    """Take the writer's lock and write our pid into it."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise durable.unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise CaseError(
            f"{folder} is being written by another process",
            got=f"pid {holder or 'unknown'}",
            allowed="one writer",
            remedy="Wait until it ends, or stop it; the lock goes with the process.",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _remove_if_abandoned(folder: Path) -> None:
    """Remove what a kill left of a case that was never begun."""
    try:
        os.close(_acquire(folder))
    except (CaseError, OutputError):
        return
    shutil.rmtree(folder, ignore_errors=True)
