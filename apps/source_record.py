"""What a case remembers of its source, and finding that source again."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from videoengine.case import Case, SourceRecord
from videoengine.errors import SourceError, redact
from videoengine.media_time import Epoch
from videoengine.sources import Source
from videoengine.streams import open_source
from videoengine.streams.live_archive import LiveArchive

_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
LIVE: Final = "live"
"""Kind of a source that cannot be opened again."""
MOVED: Final = "If it moved, name its new place: --source PATH."


def fingerprint(path: Path) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of a file or of a folder's files.

    A folder's hash covers the sorted names, sizes and contents of the files that lie directly in
    it; hidden files (a desktop's droppings) are left out.

    Raises:
        SourceError: Nothing is there, or it cannot be read.
    """
    try:
        if not path.is_dir():
            return path.stat().st_size, _sha256(path)
        total, whole = 0, hashlib.sha256()
        for item in sorted(path.iterdir(), key=lambda entry: entry.name):
            if item.name.startswith(".") or not item.is_file():
                continue
            size = item.stat().st_size
            total += size
            whole.update(f"{item.name}\0{size}\0{_sha256(item)}\n".encode())
        return total, whole.hexdigest()
    except OSError as error:
        raise SourceError(
            f"The source {path} cannot be read", got=error.strerror, remedy=MOVED
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def record_source(
    source: str,
    *,
    fps: float | str | None = None,
    stamps: str | None = None,
    content: str = "",
) -> SourceRecord:
    """Return what a manifest keeps of `source`; credentials of a URI are left out.

    Args:
        source: As the user named it.
        fps: Of a folder.
        stamps: File of stamps of a folder.
        content: `SourceInfo.content` of the opened source, by which a made video is known again.
    """
    options: dict[str, Any] = {}
    if fps is not None:
        options["fps"] = fps
    if stamps is not None:
        options["stamps"] = str(Path(stamps).absolute())
        options["stamps_sha256"] = fingerprint(Path(stamps))[1]
    if _SCHEME.match(source) and not source.lower().startswith("file://"):
        uri = redact(source)
        if content:
            options["content"] = content
        return SourceRecord(uri, 0, hashlib.sha256(uri.encode()).hexdigest(), "uri", options)
    path = _local(source).absolute()
    size, sha256 = fingerprint(path)
    kind = "folder" if path.is_dir() else "file"
    return SourceRecord(str(path), size, sha256, kind, options)


def _local(source: str) -> Path:
    """Return the path that `source` names, which may be a `file://` URI."""
    if source.lower().startswith("file://"):
        return Path(unquote(urlsplit(source).path))
    return Path(source)


def reopen_source(case: Case, source: str | Path | None = None) -> Source:
    """Open the source of a case again, from where it was or from `source`.

    Raises:
        SourceError: It is gone, or it is not what was analyzed.
    """
    record = case.manifest.source
    if record is not None and record.kind == LIVE:
        return LiveArchive(case.path, [Epoch.from_json(row) for row in case.manifest.epochs])
    place, options = locate_source(case, source)
    opened = open_source(
        place,
        stream_id=case.manifest.stream_id,
        fps=options.get("fps"),
        stamps=options.get("stamps"),
    )
    if options.get("content", opened.info.content) != opened.info.content:
        opened.close()
        raise SourceError(
            f"{place} is not the video that was analyzed",
            got="another content: its files, or videoengine, have changed",
            remedy="Go back to those of the analysis, or analyze it anew into another --out.",
        )
    return opened


def locate_source(case: Case, source: str | Path | None = None) -> tuple[str, dict[str, Any]]:
    """Return where the unchanged source of a case lies, and what it was opened with.

    Raises:
        SourceError: It is gone, or it is not what was analyzed.
    """
    record = case.manifest.source
    if record is None:
        raise SourceError(
            "The case keeps no recorded source", allowed="a case of a recorded file or folder"
        )
    if record.kind == LIVE:
        raise SourceError(
            "A live feed is no source that can be opened again",
            allowed="a case of a recorded file or folder",
            remedy="Its recording is used instead, while it is in quarantine/.",
        )
    options = record.options
    stamps = options.get("stamps")
    if stamps is not None:
        _same(Path(str(stamps)), options.get("stamps_sha256"), "The file of stamps")
    if record.kind == "uri":
        moved = source is not None and "content" in options  # else nothing would tell a wrong one
        return str(source) if moved else record.path, options
    path = _local(record.path if source is None else str(source))
    if not path.exists():
        raise SourceError(
            "The source of this case is not there",
            got=path,
            allowed="the file or folder that was analyzed",
            remedy=MOVED,
        )
    _same_source(path, record)
    return str(path), options


def _same_source(path: Path, record: SourceRecord) -> None:
    if not path.is_dir() and path.stat().st_size != record.size:
        raise _changed(path, f"{path.stat().st_size} bytes", f"{record.size} bytes")
    _same(path, record.sha256, "The source")


def _same(path: Path, sha256: Any, what: str) -> None:
    found = fingerprint(path)[1]
    if found != sha256:
        raise _changed(path, f"SHA-256 {found[:12]}…", f"SHA-256 {str(sha256)[:12]}…", what)


def _changed(path: Path, got: str, allowed: str, what: str = "The source") -> SourceError:
    return SourceError(
        f"{what} {path.name} is not the one that was analyzed",
        got=got,
        allowed=allowed,
        remedy="Name the unchanged one: --source PATH, or analyze this one into another --out.",
    )
