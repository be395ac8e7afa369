"""AutoLaparo (Wang et al., MICCAI 2022): hysterectomy, three tasks; each may lie alone.

    Task 1 …/videos/01.mp4, labels/label_01.txt      Frame, Phase; 1 row a second, both from 1
    Task 2 …/clips/001.mp4, laparoscope_motion_label.txt    Clip, Label, Phase
    Task 3 …/imgs/001001.jpg, masks/001001.png       clip 001, frame 1 of 25 a second

A clip of task 2 lasts 10 s; its label is the motion of the laparoscope that begins at second 5. It
is stated as `anticipation` at every frame before. Videos are named `task1/01`, `task2/001`,
`task3/001`. A mask of task 3 does not tell two instruments of one class apart: one box holds both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Moment,
    Unlabelled,
    certain,
    state,
)
from videoengine.models.datasets.autolaparo_masks import MaskLabels
from videoengine.models.datasets.dataset_video import DatasetVideo, file_at, images_in, stills
from videoengine.models.datasets.label_file import read_table
from videoengine.payloads import AnticipationPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "autolaparo"
PHASES: Final = "autolaparo/phase@1"
MOTIONS: Final = "autolaparo/motion@1"
FPS: Final = 25
MOVES_AT_SECONDS: Final = 5
MOTION_TABLE: Final = "laparoscope_motion_label.txt"
_STILL: Final = re.compile(r"^(\d{3})(\d{3})$")
_SPLITS: Final = {"task1": (10, 14), "task2": (170, 227), "task3": (170, 227)}
"""Last number of the training and of the validation videos or clips, as published."""


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as AutoLaparo, or as one of its tasks."""
    found: list[DatasetVideo] = []
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        found += _workflow(root, folder)
        found += _motion(root, folder)
        found += _segmentation(root, folder)
    return found


def _workflow(root: Path, folder: Path) -> list[DatasetVideo]:
    found: list[DatasetVideo] = []
    if not any((folder / "labels").glob("label_*.txt")):
        return found
    for path in sorted((folder / "videos").glob("*.mp4")):
        labels = folder / "labels" / f"label_{path.stem}.txt"
        name = f"task1/{path.stem}"
        if labels.is_file():
            read, kinds = partial(_phases, labels), ("phase",)
            split = _split("task1", path.stem)
            found.append(DatasetVideo(NAME, name, root, file_at(path), read, kinds, split))
        else:
            found.append(DatasetVideo(NAME, name, root, file_at(path), Unlabelled))
    return found


def _motion(root: Path, folder: Path) -> list[DatasetVideo]:
    table = folder / MOTION_TABLE
    if not table.is_file():
        return []
    labels = read_motions(table)
    found: list[DatasetVideo] = []
    for path in sorted((folder / "clips").glob("*.mp4")):
        name, split = f"task2/{path.stem}", _split("task2", path.stem)
        one = labels.get(int(path.stem) if path.stem.isdecimal() else -1)
        if one is None:
            found.append(DatasetVideo(NAME, name, root, file_at(path), Unlabelled))
            continue
        read, kinds = partial(ClipLabels, *one), ("phase", "anticipation")
        found.append(DatasetVideo(NAME, name, root, file_at(path), read, kinds, split))
    return found


def _segmentation(root: Path, folder: Path) -> list[DatasetVideo]:
    masks = folder / "masks"
    if not masks.is_dir():
        return []
    clips: dict[str, list[tuple[Path, int]]] = {}
    for path in images_in(folder / "imgs"):
        match = _STILL.match(path.stem)
        if match is not None:
            clips.setdefault(match[1], []).append((path, int(match[2])))
    kinds = ("instrument", "segment")
    return [
        DatasetVideo(
            NAME, f"task3/{clip}", root, stills(images, FPS), partial(MaskLabels, masks), kinds,
            _split("task3", clip),
        )
        for clip, images in sorted(clips.items())
    ]  # fmt: skip


def _split(task: str, number: str) -> str | None:
    if not number.isdecimal():
        return None
    train, val = _SPLITS[task]
    return "train" if int(number) <= train else "val" if int(number) <= val else "test"


def _phases(path: Path) -> PhaseLabels:
    return PhaseLabels(read_phases(path))


def read_phases(path: Path) -> dict[int, int]:
    """Return the phase of each second, ids from 0 by seconds from 0.

    Raises:
        SourceError: The file is not as published.
    """
    last = len(vocabulary(PHASES).labels)
    found: dict[int, int] = {}
    for row in read_table(path, ("Frame", "Phase"), delimiter="\t"):
        second = row.integer("Frame", 1, 10**6) - 1
        if second in found:
            row.refuse("the frame stands here twice", got=second + 1, allowed="each frame once")
        found[second] = row.integer("Phase", 1, last) - 1
    return found


def read_motions(path: Path) -> dict[int, tuple[int, int]]:
    """Return the motion and the phase of each clip, ids from 0 by the clip's number.

    Raises:
        SourceError: The file is not as published.
    """
    motions, phases = len(vocabulary(MOTIONS).labels), len(vocabulary(PHASES).labels)
    found: dict[int, tuple[int, int]] = {}
    for row in read_table(path, ("Clip", "Label", "Phase"), delimiter="\t"):
        clip = row.integer("Clip", 1, 10**4)
        motion, phase = row.integer("Label", 0, motions - 1), row.integer("Phase", 1, phases) - 1
        if clip in found:
            row.refuse("the clip stands here twice", got=clip, allowed="each clip once")
        found[clip] = (motion, phase)
    return found


class PhaseLabels:
    """Phases by the second."""

    def __init__(self, seconds: Mapping[int, int]) -> None:
        """Keep what was read."""
        self._seconds = seconds

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the phase at the frame nearest to a second."""
        second = moment.sample(1)
        if second is None or second not in self._seconds:
            return NOTHING
        return Annotated((certain("phase", PHASES, self._seconds[second]),))


class ClipLabels:
    """The motion that a clip leads to, and its phase."""

    def __init__(self, motion: int, phase: int) -> None:
        """Keep what was read."""
        self._motion, self._phase = motion, phase

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the phase, and the motion while it is still to come."""
        phase = certain("phase", PHASES, self._phase)
        left = MOVES_AT_SECONDS - float(moment.since_first_seconds)
        if left <= 0:
            return Annotated((phase,))
        motion = vocabulary(MOTIONS).label(self._motion)
        return Annotated(
            (phase, state("anticipation", AnticipationPayload(motion, left, left, left)))
        )
