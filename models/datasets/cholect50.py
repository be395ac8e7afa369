"""CholecT50 (Nwoye et al., MedIA 2022), also CholecTriplet2022: frames at 1 fps, a JSON each video.

    videos/VID68/000016.png     the number is the second
    labels/VID68.json           categories, and a list of rows for each annotated frame

A row is [triplet, instrument, score, x, y, width, height, verb, target, score, x, y, width, height,
phase]; -1 stands for what is not there. Boxes are given in the challenge's validation set only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Box,
    Moment,
    Statement,
    Unlabelled,
    certain,
    clipped,
    operation,
    state,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, images_in, numbered_folder
from videoengine.models.datasets.label_file import (
    items_at,
    numbers_at,
    object_at,
    read_json,
    wrong,
)
from videoengine.payloads import InstrumentPayload, TripletPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "cholect50"
FPS: Final = 1
PHASES: Final = "cholec80/phase@1"
"""The same seven phases in the same order; CholecT50 writes their names in another way."""
PHASE_NAMES: Final = (
    "preparation", "carlot-triangle-dissection", "clipping-and-cutting", "gallbladder-dissection",
    "gallbladder-packaging", "cleaning-and-coagulation", "gallbladder-extraction",
)  # fmt: skip
"""As the label files write them."""
VALUES: Final = 15
COMPONENTS: Final = ("instrument", "verb", "target", "triplet")


@dataclass(frozen=True, slots=True)
class Action:
    """One row: an instrument, where it is and what it does; -1 stands for none."""

    instrument: int
    verb: int
    target: int
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class FrameActions:
    """The rows of one frame."""

    phase: int | None
    actions: tuple[Action, ...]


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as CholecT50."""
    found: list[DatasetVideo] = []
    if not (root / "labels").is_dir():
        return found
    for folder in sorted((root / "videos").glob("VID*")):
        if not images_in(folder):
            continue
        labels = root / "labels" / f"{folder.name}.json"
        pictures = numbered_folder(folder, FPS)
        if not labels.is_file():
            found.append(DatasetVideo(NAME, folder.name, root, pictures, Unlabelled))
            continue
        kinds = ("procedure", "phase", "instrument", "triplet")
        read = partial(_annotations, labels)
        found.append(DatasetVideo(NAME, folder.name, root, pictures, read, kinds))
    return found


def _annotations(path: Path) -> TripletLabels:
    return TripletLabels(read_actions(path))


def read_actions(path: Path) -> dict[int, FrameActions]:
    """Return the rows of a label file by the number of the frame.

    Raises:
        SourceError: The file is not as published, or its categories are others.
    """
    whole = object_at(path, read_json(path), "the top")
    _check_categories(path, object_at(path, whole.get("categories"), "categories"))
    found: dict[int, FrameActions] = {}
    for key, rows in object_at(path, whole.get("annotations"), "annotations").items():
        place = f"annotations.{key}"
        if not key.isdecimal() or len(key) > 9:
            wrong(path, place, "this is no number of a frame", got=repr(key)[:40], allowed="16")
        found[int(key)] = _frame_actions(path, items_at(path, rows, place), place)
    return found


def _check_categories(path: Path, categories: Mapping[str, Any]) -> None:
    known: dict[str, Sequence[str]] = {"phase": PHASE_NAMES}
    for component in COMPONENTS:
        labels = vocabulary(f"cholect50/{component}@1").labels
        known[component] = [label.name for label in labels]
    for component, terms in known.items():
        place = f"categories.{component}"
        names = object_at(path, categories.get(component), place)
        for number, name in enumerate(terms):
            if names.get(str(number)) != name:
                wrong(
                    path,
                    f"{place}.{number}",
                    "the category is another one",
                    got=repr(names.get(str(number))),
                    allowed=repr(name),
                )


def _frame_actions(path: Path, rows: Sequence[Any], place: str) -> FrameActions:
    phases: set[int] = set()
    actions: list[Action] = []
    for index, values in enumerate(rows):
        where = f"{place}[{index}]"
        row = _whole_row(path, items_at(path, values, where), where)
        triplet, instrument, verb, target = (int(row[at]) for at in (0, 1, 7, 8))
        _check_range(path, where, int(row[14]), -1, 6)
        if int(row[14]) >= 0:
            phases.add(int(row[14]))
        if triplet >= 0:
            _check_components(path, where, triplet, (instrument, verb, target))
        if instrument >= 0:
            _check_range(path, where, instrument, 0, 5)
            _check_range(path, where, verb, -1, 9)
            _check_range(path, where, target, -1, 14)
            box = clipped(row[3], row[4], row[5], row[6]) if row[5] > 0 and row[6] > 0 else None
            actions.append(Action(instrument, verb, target, box))
    if len(phases) > 1:
        wrong(
            path,
            place,
            "the rows of one frame differ in phase",
            got=sorted(phases),
            allowed="one phase",
        )
    return FrameActions(phases.pop() if phases else None, tuple(actions))


def _whole_row(path: Path, values: Sequence[Any], where: str) -> list[float]:
    """Return the 15 numbers of a row; null stands for what is not there, as -1 does."""
    return numbers_at(path, [-1 if value is None else value for value in values], where, VALUES)


def _check_range(path: Path, where: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        wrong(path, where, "an id is wrong", got=value, allowed=f"{low} to {high}")


def _check_components(path: Path, where: str, triplet: int, parts: tuple[int, int, int]) -> None:
    triplets = vocabulary("cholect50/triplet@1").labels
    _check_range(path, where, triplet, 0, len(triplets) - 1)
    if parts != components(triplet):
        wrong(
            path,
            where,
            "the triplet is not made of these components",
            got=parts,
            allowed=f"{components(triplet)}: {triplets[triplet].name}",
        )


def components(triplet: int) -> tuple[int, int, int]:
    """Return the ids of a triplet's instrument, verb and target."""
    names = vocabulary("cholect50/triplet@1").label(triplet).name.split(",")
    instrument, verb, target = (
        vocabulary(f"cholect50/{component}@1").label(name).id
        for component, name in zip(COMPONENTS, names, strict=False)
    )
    return instrument, verb, target


class TripletLabels:
    """Instruments, triplets and phases by the number of the second."""

    def __init__(self, frames: Mapping[int, FrameActions]) -> None:
        """Keep what was read."""
        self._frames = frames

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what the rows of the frame say."""
        number = image_number(moment)
        if number is None or number not in self._frames:
            return NOTHING
        frame = self._frames[number]
        found = [operation("cholecystectomy")]
        if frame.phase is not None:
            found.append(certain("phase", PHASES, frame.phase))
        return Annotated((*found, *_instruments(frame.actions)))


def image_number(moment: Moment) -> int | None:
    """Return the number in the name of a frame's image."""
    digits = "" if moment.image is None else moment.image.stem.split(" ")[0]
    return int(digits) if digits.isdecimal() else None


def _instruments(actions: Sequence[Action]) -> list[Statement]:
    """Return the instruments, boxes from left to right, and then what each one does."""
    if not actions:
        return [state("instrument", InstrumentPayload(None))]
    ordered = sorted(actions, key=lambda one: (one.box is None, one.box or (), one.instrument))
    instruments = vocabulary("cholect50/instrument@1")
    verbs, targets = vocabulary("cholect50/verb@1"), vocabulary("cholect50/target@1")
    found = [
        state("instrument", InstrumentPayload(instruments.label(one.instrument), one.box))
        for one in ordered
    ]
    for one in ordered:
        if one.verb >= 0 and one.target >= 0:
            parts = (instruments.label(one.instrument), verbs.label(one.verb))
            found.append(state("triplet", TripletPayload(*parts, targets.label(one.target))))
    return found
