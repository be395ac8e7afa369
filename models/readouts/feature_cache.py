"""Features on disk, so that a video passes a frozen network once: bounded, written atomically."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine import durable
from videoengine.canonical import digest
from videoengine.cards import ModelCard
from videoengine.errors import UsageError

DEFAULT_BYTES: Final = 4 * 2**30
SUFFIX: Final = ".npy"
_SUM: Final = 32
"""Bytes of the SHA-256 that stand before the array."""


def default_folder() -> Path:
    """Return where features are kept: in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "videoengine" / "features"


def cache_key(card: ModelCard, video_sha256: str, sampling: str) -> str:
    """Return the key of a video's features.

    Args:
        card: Of the loaded backbone; its hash covers weights, preprocessing and adapter.
        video_sha256: Of the video file.
        sampling: Which frames, in words that do not change, e.g. "1 fps, clips of 8".

    Raises:
        UsageError: The card knows no weights: features of random ones are not kept.
    """
    if card.weights_sha256 is None:
        raise UsageError(
            "Features are kept only of weights that are known",
            got=card.id,
            allowed="the card of a loaded backbone",
        )
    return digest([card.id, card.model_hash, card.preprocessing, video_sha256, sampling])


class FeatureCache:
    """A folder of arrays by key; the ones unused for longest go when it is full."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_BYTES) -> None:
        """Take the folder, made when it is first written to, and its size in bytes."""
        if max_bytes < 1:
            raise UsageError("max_bytes must be positive", got=max_bytes, allowed="> 0")
        self.folder = folder
        self.max_bytes = max_bytes

    def get(self, key: str) -> NDArray[Any] | None:
        """Return the array of a key, or None; a damaged one is removed and counts as none."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        body = data[_SUM:]
        if hashlib.sha256(body).digest() == data[:_SUM]:
            try:
                found: NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
            except (ValueError, OSError, EOFError):
                pass
            else:
                return found
        path.unlink(missing_ok=True)
        return None

    def put(self, key: str, array: NDArray[Any]) -> None:
        """Keep an array; one that is larger than the whole cache is not kept.

        Raises:
            OutputError: The folder cannot be written.
        """
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        body = stream.getvalue()
        if len(body) + _SUM > self.max_bytes:
            return
        self._make_room(len(body) + _SUM)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise durable.unwritable(self.folder, error) from error
        durable.replace(self._path(key), hashlib.sha256(body).digest() + body)

    def get_or_make(self, key: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array of a key; make and keep it when it is not here."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def size(self) -> int:
        """Return the bytes that are kept."""
        return sum(size for _, size, _ in self._files())

    def _path(self, key: str) -> Path:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise UsageError("A key of the cache is a SHA-256 in hex", got=repr(key))
        return self.folder / f"{key}{SUFFIX}"

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return (time of last use, bytes, path) of what is kept."""
        rows: list[tuple[float, int, Path]] = []
        for path in self.folder.glob(f"*{SUFFIX}") if self.folder.is_dir() else ():
            try:
                facts = path.stat()
            except OSError:
                continue  # another process made room
            rows.append((facts.st_mtime, facts.st_size, path))
        return rows

    def _make_room(self, wanted: int) -> None:
        rows = sorted(self._files())
        kept = sum(size for _, size, _ in rows)
        for _, size, path in rows:
            if kept + wanted <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            kept -= size
