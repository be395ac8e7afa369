"""CholecT45 (Nwoye et al., MedIA 2022): frames at 1 fps, a table of 0 and 1 each video.

    data/VID01/000000.png       the number is the second
    triplet/VID01.txt           number, then 100 values; instrument/, verb/, target/ alike
    dict/triplet.txt, …         id:name

The tables have no header. The tables of components are checked against those of triplets.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import Unlabelled
from videoengine.models.datasets.cholect50 import (
    COMPONENTS,
    FPS,
    Action,
    FrameActions,
    TripletLabels,
    components,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, images_in, numbered_folder
from videoengine.models.datasets.label_file import read_table, read_text, wrong
from videoengine.vocabularies import vocabulary

NAME: Final = "cholect45"
LAST_FRAME: Final = 10**6


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as CholecT45."""
    found: list[DatasetVideo] = []
    if not (root / "triplet").is_dir():
        return found
    for folder in sorted((root / "data").glob("VID*")):
        if not images_in(folder):
            continue
        pictures = numbered_folder(folder, FPS)
        if not (root / "triplet" / f"{folder.name}.txt").is_file():
            found.append(DatasetVideo(NAME, folder.name, root, pictures, Unlabelled))
            continue
        kinds = ("procedure", "instrument", "triplet")
        read = partial(_annotations, root, folder.name)
        found.append(DatasetVideo(NAME, folder.name, root, pictures, read, kinds))
    return found


def _annotations(root: Path, video: str) -> TripletLabels:
    for component in COMPONENTS:
        _check_names(root / "dict" / f"{component}.txt", component)
    path = root / "triplet" / f"{video}.txt"
    triplets = read_present(path, "triplet")
    frames = {number: _actions(ids) for number, ids in triplets.items()}
    other = root / "instrument" / f"{video}.txt"
    return TripletLabels(_with_instruments(other, frames) if other.is_file() else frames)


def _check_names(path: Path, component: str) -> None:
    """Check the release's own list of names, where it is there."""
    if not path.is_file():
        return
    labels = vocabulary(f"cholect50/{component}@1").labels
    for number, line in enumerate(read_text(path).splitlines(), 1):
        key, _, name = (part.strip() for part in line.partition(":"))
        if not name:
            continue
        known = labels[int(key)].name if key.isdecimal() and int(key) < len(labels) else None
        if name != known:
            wrong(path, number, "the name is another one", got=repr(line[:60]), allowed=repr(known))


def read_present(path: Path, component: str) -> dict[int, tuple[int, ...]]:
    """Return which ids are marked 1, by the number of the frame.

    Raises:
        SourceError: The table cannot be read, or a row is wrong.
    """
    names = [str(label.id) for label in vocabulary(f"cholect50/{component}@1").labels]
    found: dict[int, tuple[int, ...]] = {}
    for row in read_table(path, ("frame", *names), header=False):
        number = row.integer("frame", 0, LAST_FRAME)
        if number in found:
            row.refuse("the frame stands here twice", got=number, allowed="each frame once")
        found[number] = tuple(int(name) for name in names if row.integer(name, 0, 1))
    return found


def _actions(triplets: tuple[int, ...]) -> FrameActions:
    return FrameActions(None, tuple(Action(*components(triplet)) for triplet in triplets))


def _with_instruments(path: Path, frames: Mapping[int, FrameActions]) -> dict[int, FrameActions]:
    """Return the frames with the instruments that no triplet names.

    Raises:
        SourceError: The table marks none of an instrument whose triplet is marked.
    """
    marked = read_present(path, "instrument")
    found: dict[int, FrameActions] = {}
    for number, frame in frames.items():
        needed = {action.instrument for action in frame.actions}
        more = [tool for tool in marked.get(number, ()) if tool not in needed]
        if not needed <= set(marked.get(number, ())):
            wrong(
                path,
                f"frame {number}",
                "the instruments contradict the triplets",
                got=marked.get(number, ()),
                allowed=sorted(needed),
            )
        actions = (*frame.actions, *(Action(tool, -1, -1) for tool in more))
        found[number] = FrameActions(None, actions)
    return found
