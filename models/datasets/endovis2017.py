"""EndoVis 2017 (Allan et al., 2019): robotic instruments, frames at 2 a second, masks.

    …/instrument_dataset_1/left_frames/frame000.png
    …/instrument_dataset_1/ground_truth/Left_Prograsp_Forceps_labels/frame000.png   parts: 10 to 30
    …/instrument_dataset_1/gt/TypeSegmentation/frame225.png                         types: 1 to 7

and, by Bai et al. (2023), the questions of EndoVis-17-VQLA:

    left_frames/seq1_frame000.jpg, vqla/label/seq1_frame000_QA.txt

A folder of ground_truth holds one instrument, so each has a box of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import SourceError
from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Annotations,
    Moment,
    Statement,
    Unlabelled,
    state,
)
from videoengine.models.datasets.dataset_video import (
    DatasetVideo,
    images_in,
    numbered_folder,
    stills,
)
from videoengine.models.datasets.endovis_questions import QuestionLabels
from videoengine.models.datasets.mask_image import (
    LabelImage,
    box_of,
    labels_of_levels,
    read_levels,
    tool_mask,
)
from videoengine.payloads import InstrumentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "endovis2017"
FPS: Final = 2
INSTRUMENTS: Final = "endovis2017/instrument@1"
PARTS: Final = "endovis2017/part@1"
PART_OF: Final = {0: 0, 10: 1, 20: 2, 30: 3, 40: 0}
"""Grey levels of ground_truth; 40 marks what is an instrument of another kind, without parts."""
_FLAT: Final = re.compile(r"^seq_?(\d+)_frame(\d+)$")


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the sequences of a folder laid out as EndoVis 2017, at most two folders deep."""
    found: list[DatasetVideo] = []
    for pattern in ("instrument_dataset_*", "*/instrument_dataset_*", "*/*/instrument_dataset_*"):
        for folder in sorted(root.glob(pattern)):
            frames = folder / "left_frames"
            if not images_in(frames):
                continue
            name = folder.relative_to(root).as_posix()
            truth, types = folder / "ground_truth", folder / "gt" / "TypeSegmentation"
            read: Callable[[], Annotations] = Unlabelled
            if truth.is_dir():
                read = partial(_instrument_folders, truth)
            elif types.is_dir():
                read = partial(TypeLabels, types)
            kinds = ("instrument",) if read is not Unlabelled else ()
            pictures = numbered_folder(frames, FPS)
            found.append(DatasetVideo(NAME, name, root, pictures, read, kinds))
    return found + _questions(root)


def _questions(root: Path) -> list[DatasetVideo]:
    """Return the sequences of EndoVis-17-VQLA, whose frames lie together."""
    labels = root / "vqla" / "label"
    if not labels.is_dir():
        return []
    sequences: dict[str, list[tuple[Path, int]]] = {}
    for path in images_in(root / "left_frames"):
        match = _FLAT.match(path.stem)
        if match is not None:
            sequences.setdefault(f"seq{match[1]}", []).append((path, int(match[2])))
    kinds, read = ("question", "answer"), partial(QuestionLabels, (labels,))
    return [
        DatasetVideo(NAME, name, root, stills(images, FPS), read, kinds)
        for name, images in sorted(sequences.items())
    ]


def type_of(folder: str) -> int:
    """Return the id of the instrument that a folder of ground_truth is named after."""
    words = [word for word in folder.split("_") if word not in ("Left", "Right", "labels")]
    name = "_".join(words).removeprefix("Maryland_")
    for label in vocabulary(INSTRUMENTS).labels:
        if label.name == name:
            return label.id
    raise SourceError(
        f"The folder {folder} names no instrument",
        got=repr(name),
        allowed=", ".join(label.name for label in vocabulary(INSTRUMENTS).labels),
        remedy="Keep the folders of the release.",
    )


def _instrument_folders(truth: Path) -> InstrumentFolders:
    folders = sorted(folder for folder in truth.iterdir() if folder.is_dir())
    return InstrumentFolders({folder: type_of(folder.name) for folder in folders})


class InstrumentFolders:
    """Masks of the training sequences: a folder for each instrument."""

    def __init__(self, types: Mapping[Path, int]) -> None:
        """Keep the folders and the id that each one stands for."""
        self._types = types

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays and their vocabularies."""
        return {"mask/instrument": INSTRUMENTS, "mask/part": PARTS, "mask/tool": ""}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the instruments that have a mask at this image; nothing where none exists."""
        if moment.image is None:
            return NOTHING
        terms = vocabulary(INSTRUMENTS)
        instruments = np.zeros(moment.size[::-1], np.uint8)
        parts = np.zeros_like(instruments)
        found: list[Statement] = []
        annotated = False
        for folder, instrument in self._types.items():
            path = folder / f"{moment.image.stem}.png"
            if not path.is_file():
                continue
            annotated = True
            levels = read_levels(path, moment.size)
            box = box_of(levels != 0)
            if box is not None:
                found.append(state("instrument", InstrumentPayload(terms.label(instrument), box)))
                instruments[levels != 0] = instrument + 1
                numbers = labels_of_levels(levels, PART_OF, path)
                parts[levels != 0] = numbers[levels != 0]
        if not annotated:
            return NOTHING
        return Annotated(_or_none(found), _arrays(instruments, parts, wanted))


class TypeLabels:
    """Masks of the test sequences: one image, its grey level is the type from 1."""

    def __init__(self, types: Path) -> None:
        """Keep where the masks lie."""
        self._types = types

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays and their vocabularies."""
        return {"mask/instrument": INSTRUMENTS, "mask/tool": ""}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the types in the mask of this image; nothing where there is none."""
        path = None if moment.image is None else self._types / f"{moment.image.stem}.png"
        if path is None or not path.is_file():
            return NOTHING
        labels = vocabulary(INSTRUMENTS).labels
        numbers = {number: number for number in range(len(labels) + 1)}
        types = labels_of_levels(read_levels(path, moment.size), numbers, path)
        found = [
            state("instrument", InstrumentPayload(label, box))
            for label in labels
            if (box := box_of(types == label.id + 1)) is not None
        ]
        return Annotated(_or_none(found), _arrays(types, None, wanted))


def _or_none(found: list[Statement]) -> tuple[Statement, ...]:
    return tuple(found) or (state("instrument", InstrumentPayload(None)),)


def _arrays(
    instruments: LabelImage, parts: LabelImage | None, wanted: Collection[str]
) -> dict[str, NDArray[np.uint8]]:
    made = {"mask/instrument": instruments, "mask/tool": tool_mask(instruments)}
    if parts is not None:
        made["mask/part"] = parts
    return {name: made[name] for name in wanted}
