"""One video of a dataset: where its pictures lie, and how its labels are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import quote

from videoengine.errors import SourceError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets.annotations import Annotations, Unlabelled
from videoengine.streams.image_folder import SUFFIXES, Timing, _Image, timing

SCHEME: Final = "dataset"
HASHED_ENDS: Final = 64 * 1024
"""Bytes at either end of a video file by which it is known again."""


@dataclass(frozen=True, slots=True)
class DatasetVideo:
    """A video that a reader found in a dataset on disk; nothing of it is read yet."""

    dataset: str
    """Name of the reader, such as `cholec80`."""
    video: str
    """As published, such as `VID68`."""
    root: Path
    """The dataset's folder."""
    pictures: Callable[[], Path | Timing]
    """Returns the video file, or the still images with their stamps."""
    annotations: Callable[[], Annotations] = Unlabelled
    """Reads the labels."""
    kinds: tuple[str, ...] = ()
    """Kinds of events that the labels may state; none: the video has no labels."""
    split: str | None = None
    """train, val or test, where the release itself says so."""

    @property
    def uri(self) -> str:
        """The URI that opens this video."""
        path = quote(str(self.root.absolute()))
        return f"{SCHEME}://{self.dataset}{path}?video={quote(self.video, safe='/')}"


def file_at(path: Path) -> Callable[[], Path]:
    """Return what gives a video file as a video's pictures."""
    return lambda: path


def numbered_folder(folder: Path, fps: int) -> Callable[[], Timing]:
    """Return what gives a folder of images, stamped by the numbers in their names ÷ `fps`."""
    return lambda: timing(folder, fps=fps, stamps=None)


def stills(images: Sequence[tuple[Path, int]], fps: int) -> Callable[[], Timing]:
    """Return what gives these images, each with its number; the first one is stamped 0."""

    def listed() -> Timing:
        first = images[0][1]
        rows = tuple(_Image(path, number - first) for path, number in images)
        return Timing(rows, Fraction(1, fps), float(fps), round(NS_PER_SECOND / fps), 0)

    return listed


def images_in(folder: Path) -> list[Path]:
    """Return the images that lie directly in a folder, by name; none when there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def content_of(pictures: Path | Timing) -> str:
    """Return a hash by which a video is known again: names, sizes and the ends of a file.

    The labels are not in it: an analysis does not rest on them.

    Raises:
        SourceError: A file is gone.
    """
    whole = hashlib.sha256()
    try:
        if isinstance(pictures, Path):
            size = pictures.stat().st_size
            with pictures.open("rb") as file:
                whole.update(file.read(HASHED_ENDS))
                file.seek(max(0, size - HASHED_ENDS))
                whole.update(file.read(HASHED_ENDS))
            whole.update(f"{pictures.name}\0{size}".encode())
        else:
            for image in pictures.images:
                size = image.path.stat().st_size
                whole.update(f"{image.path.name}\0{size}\0{image.pts}\n".encode())
    except OSError as error:
        raise SourceError(
            f"{error.filename} cannot be read", got=error.strerror, remedy="Check the dataset."
        ) from error
    return whole.hexdigest()
