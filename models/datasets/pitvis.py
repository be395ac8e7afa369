"""PitVis (Das et al., 2023–25): endonasal pituitary surgery, a row each second.

    video_01.mp4                24 frames a second, video_24 has 25
    annotations_01.csv          int_video, int_time, int_step, int_instrument1, int_instrument2
    map_steps.csv, map_instruments.csv

What is peculiar, and what becomes of it:

* Step -1 (before, after, or out of the patient: not to be told apart) is stated as `privacy`, out
  of body, and instrument1 is -1 exactly then; no step and no instrument is stated.
* instrument1 is 0 where none is visible; instrument2 is -2 where unused, and 0 in four rows.
* annotations_19.csv is not in the release: that video is read without labels.
* Each table has one row more than its video has seconds; it is left alone.
* map_steps.csv has three names for -1, and a space after the name of step 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
from videoengine.models.datasets.cholec80 import seen
from videoengine.models.datasets.dataset_video import DatasetVideo, file_at
from videoengine.models.datasets.label_file import read_table
from videoengine.payloads import PrivacyPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "pitvis"
RATE_HZ: Final = 1
STEPS: Final = "pitvis/step@1"
INSTRUMENTS: Final = "pitvis/instrument@1"
OUTSIDE: Final = -1
UNUSED: Final = -2
COLUMNS: Final = ("int_video", "int_time", "int_step", "int_instrument1", "int_instrument2")


@dataclass(frozen=True, slots=True)
class Second:
    """One row; the ids are those of the vocabularies, counted from 0."""

    step: int | None
    """None out of the patient."""
    instruments: tuple[int, ...] = ()


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as PitVis."""
    found: list[DatasetVideo] = []
    tables = {
        path.stem.removeprefix("annotations_"): path for path in root.glob("annotations_*.csv")
    }
    if not tables:
        return found
    for path in sorted(root.glob("video_*.mp4")):
        number = path.stem.removeprefix("video_")
        if number not in tables:
            found.append(DatasetVideo(NAME, path.stem, root, file_at(path), Unlabelled))
            continue
        read = partial(_annotations, root, tables[number], number)
        kinds = ("privacy", "step", "instrument")
        found.append(DatasetVideo(NAME, path.stem, root, file_at(path), read, kinds))
    return found


def _annotations(root: Path, table: Path, number: str) -> SecondLabels:
    _check_map(root / "map_steps.csv", "step", STEPS)
    _check_map(root / "map_instruments.csv", "instrument", INSTRUMENTS)
    return SecondLabels(read_seconds(table, int(number) if number.isdecimal() else None))


def _check_map(path: Path, what: str, vocabulary_name: str) -> None:
    """Check the release's own list of names, where it is there."""
    if not path.is_file():
        return
    labels = vocabulary(vocabulary_name).labels
    for row in read_table(path, (f"int_{what}", f"str_{what}")):
        code = row.integer(f"int_{what}", UNUSED, len(labels))
        name = row.text(f"str_{what}").replace(" ", "_")
        if code > 0 and labels[code - 1].name != name:
            row.refuse("the name is another one", got=repr(name), allowed=labels[code - 1].name)


def read_seconds(path: Path, video: int | None = None) -> dict[int, Second]:
    """Return the rows of a table by their second.

    Args:
        path: The table.
        video: The number that must stand in each row, if it is known.

    Raises:
        SourceError: The table is not as published.
    """
    steps, instruments = len(vocabulary(STEPS).labels), len(vocabulary(INSTRUMENTS).labels)
    found: dict[int, Second] = {}
    for row in read_table(path, COLUMNS):
        second = row.integer("int_time", 0, 10**6)
        named = row.integer("int_video", 0, 10**6)
        if named != (named if video is None else video):
            row.refuse("the row is of another video", got=named, allowed=video)
        if second in found:
            row.refuse("the second stands here twice", got=second, allowed="each second once")
        step = row.integer("int_step", OUTSIDE, steps)
        first = row.integer("int_instrument1", OUTSIDE, instruments)
        other = row.integer("int_instrument2", UNUSED, instruments)
        if step == 0:
            row.refuse("there is no step 0", got=step, allowed=f"-1, or 1 to {steps}")
        if (step == OUTSIDE) != (first == OUTSIDE):
            row.refuse(
                "step and instrument contradict each other",
                got=f"step {step}, instrument {first}",
                allowed="-1 for both, out of the patient, or for none",
            )
        shown = tuple(code - 1 for code in dict.fromkeys((first, other)) if code > 0)
        found[second] = Second(None if step == OUTSIDE else step - 1, shown)
    return found


class SecondLabels:
    """Steps and instruments by the second."""

    def __init__(self, seconds: Mapping[int, Second]) -> None:
        """Keep what was read."""
        self._seconds = seconds

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what the row says at the frame nearest to its second."""
        second = moment.sample(RATE_HZ)
        row = None if second is None else self._seconds.get(second)
        if row is None:
            return NOTHING
        if row.step is None:
            return Annotated((state("privacy", PrivacyPayload("blank", "out_of_body", 1.0)),))
        inside = state("privacy", PrivacyPayload("allow", None, 0.0))
        step = certain("step", STEPS, row.step)
        return Annotated((inside, step, *seen(INSTRUMENTS, row.instruments)))
