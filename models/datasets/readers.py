"""The readers by name, finding which one a folder belongs to, and `dataset://` URIs.

    dataset://cholect50/data/CholecT50?video=VID68
    dataset:///data/CholecT50?video=VID68

What follows the name is the absolute path of the dataset's folder. Without a name the folder's
content decides. `video` may be left out when there is one video only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from videoengine.errors import SourceError, UsageError, nearest
from videoengine.models.datasets.annotated_source import AnnotatedSource
from videoengine.models.datasets.autolaparo import find_videos as find_autolaparo
from videoengine.models.datasets.cholec80 import find_videos as find_cholec80
from videoengine.models.datasets.cholect45 import find_videos as find_cholect45
from videoengine.models.datasets.cholect50 import find_videos as find_cholect50
from videoengine.models.datasets.dataset_video import DatasetVideo
from videoengine.models.datasets.endoscapes import find_videos as find_endoscapes
from videoengine.models.datasets.endovis2017 import find_videos as find_endovis2017
from videoengine.models.datasets.endovis2018 import find_videos as find_endovis2018
from videoengine.models.datasets.hyperkvasir import find_videos as find_hyperkvasir
from videoengine.models.datasets.m2cai16 import find_videos as find_m2cai16
from videoengine.models.datasets.medmultipoints import find_videos as find_medmultipoints
from videoengine.models.datasets.ophnet import find_videos as find_ophnet
from videoengine.models.datasets.pitvis import find_videos as find_pitvis

FindVideos = Callable[[Path], list[DatasetVideo]]
"""Returns the videos that a folder holds as published; none when it is another dataset."""

READERS: Final[dict[str, FindVideos]] = {
    "autolaparo": find_autolaparo,
    "cholec80": find_cholec80,
    "cholect45": find_cholect45,
    "cholect50": find_cholect50,
    "endoscapes": find_endoscapes,
    "endovis2017": find_endovis2017,
    "endovis2018": find_endovis2018,
    "hyperkvasir": find_hyperkvasir,
    "m2cai16": find_m2cai16,
    "medmultipoints": find_medmultipoints,
    "ophnet": find_ophnet,
    "pitvis": find_pitvis,
}
LAYOUTS: Final = "docs/datasets.md shows how each dataset lies on disk."
SHOWN: Final = 12


def list_videos(root: str | Path, *, dataset: str | None = None) -> list[DatasetVideo]:
    """Return the videos of a dataset on disk, in the order of their names.

    Args:
        root: The dataset's folder.
        dataset: Name of its reader; by default the folder's content decides.

    Raises:
        UsageError: There is no reader of this name.
        SourceError: The folder is not there, or holds no dataset as published.
    """
    path = Path(root)
    if dataset is not None and dataset not in READERS:
        raise UsageError(
            "There is no reader of this dataset",
            got=repr(dataset),
            allowed=", ".join(READERS),
            remedy=nearest(dataset, READERS),
        )
    if not path.is_dir():
        raise SourceError(f"{path} is no folder", allowed="the folder of a dataset")
    names = list(READERS) if dataset is None else [dataset]
    try:
        found = {name: videos for name in names if (videos := READERS[name](path))}
        listing = ", ".join(sorted(entry.name for entry in path.iterdir())[:SHOWN])
    except OSError as error:
        raise SourceError(
            f"{error.filename} cannot be read", got=error.strerror, remedy="Check its permissions."
        ) from error
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise UsageError(
            f"{path} looks like several datasets",
            got=", ".join(found),
            allowed="one",
            remedy=f"Name one: dataset://{next(iter(found))}{path.absolute()}",
        )
    raise SourceError(
        f"{path} does not hold {dataset or 'a known dataset'} as it is published",
        got=listing or "an empty folder",
        allowed=", ".join(names),
        remedy=LAYOUTS,
    )


def open_dataset(uri: str, *, stream_id: str) -> AnnotatedSource:
    """Open the video that a `dataset://` URI names.

    Raises:
        UsageError: The URI cannot be right.
        SourceError: The video or its labels are not there, or cannot be read.
    """
    dataset, root, name = _parse(uri)
    videos = list_videos(root, dataset=dataset)
    if name is None and len(videos) == 1:
        name = videos[0].video
    chosen = [video for video in videos if video.video == name]
    if len(chosen) != 1:
        names = [video.video for video in videos]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise UsageError(
            f"No video of {root} is named" if name is None else f"{root} has no such video",
            got=uri if name is None else repr(name),
            allowed=", ".join(names[:SHOWN]) + more,
            remedy=f"Add ?video={names[0]}" if name is None else nearest(name, names),
        )
    return AnnotatedSource(chosen[0], uri=uri, stream_id=stream_id)


def _parse(uri: str) -> tuple[str | None, Path, str | None]:
    """Return the reader's name, the dataset's folder and the video's name."""
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.fragment:
        raise UsageError("A dataset has no fragment", got=f"#{parts.fragment}", remedy="Write %23.")
    if not path.strip("/"):
        raise UsageError(
            "No folder is named", got=uri, allowed="dataset://NAME/ABSOLUTE/PATH?video=VIDEO"
        )
    video: str | None = None
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key != "video" or video is not None:
            raise UsageError(
                "A dataset has no such option" if key != "video" else "A video is named twice",
                got=repr(key),
                allowed="video, once",
                remedy=nearest(key, ("video",)),
            )
        video = value
    return parts.netloc or None, Path(path), video
