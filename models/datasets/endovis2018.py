"""EndoVis 2018 scene segmentation (Allan et al., 2020): frames at 2 a second, masks in colours.

    …/seq_1/left_frames/frame000.png
    …/seq_1/labels/frame000.png                     colours of labels.json
    …/seq_1/vqa/Classification/frame000_QA.txt      questions (EndoVis-18-VQA)
    …/seq_1/vqla/label/frame000_QA.txt              questions with boxes (EndoVis-18-VQLA)
    …/labels.json                                   name, color, classid; checked where it is there

The classes name parts of robotic instruments, not their types, so no `instrument` is stated: each
class in a frame is a `segment`. Of questions with and without boxes about one frame, the former
count.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Annotations,
    Moment,
    Unlabelled,
    state,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, images_in, numbered_folder
from videoengine.models.datasets.endovis_questions import QuestionLabels
from videoengine.models.datasets.label_file import (
    items_at,
    numbers_at,
    object_at,
    read_json,
    wrong,
)
from videoengine.models.datasets.mask_image import (
    box_of,
    labels_of_colors,
    read_colors,
    tool_mask,
)
from videoengine.payloads import SegmentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "endovis2018"
FPS: Final = 2
CLASSES: Final = "endovis2018/class@1"
COLORS: Final = (
    (0, 0, 0), (0, 255, 0), (0, 255, 255), (125, 255, 12), (255, 55, 0), (24, 55, 125),
    (187, 155, 25), (0, 255, 125), (255, 255, 125), (123, 15, 175), (124, 155, 5), (12, 255, 141),
)  # fmt: skip
"""Of each class, in the order of the vocabulary."""
TOOLS: Final = ("instrument-shaft", "instrument-clasper", "instrument-wrist", "suction-instrument",
                "ultrasound-probe")  # fmt: skip
"""Classes that `mask/tool` holds."""


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the sequences of a folder laid out as EndoVis 2018, at most two folders deep."""
    found: list[DatasetVideo] = []
    for pattern in ("seq_*", "*/seq_*", "*/*/seq_*"):
        for folder in sorted(root.glob(pattern)):
            if images_in(folder / "left_frames"):
                found.append(_sequence(root, folder))
    return found


def _sequence(root: Path, folder: Path) -> DatasetVideo:
    masks = folder / "labels"
    questions = (folder / "vqla" / "label", folder / "vqa" / "Classification")
    kinds: tuple[str, ...] = ("segment",) if masks.is_dir() else ()
    if any(path.is_dir() for path in questions):
        kinds = (*kinds, "question", "answer")
    read: Callable[[], Annotations] = Unlabelled
    if kinds:
        read = partial(_annotations, root, folder, questions)
    name = folder.relative_to(root).as_posix()
    pictures = numbered_folder(folder / "left_frames", FPS)
    return DatasetVideo(NAME, name, root, pictures, read, kinds)


def _annotations(root: Path, folder: Path, questions: tuple[Path, ...]) -> SceneLabels:
    for path in (folder / "labels.json", folder.parent / "labels.json", root / "labels.json"):
        if path.is_file():
            check_classes(path)
            break
    masks = folder / "labels"
    return SceneLabels(masks if masks.is_dir() else None, QuestionLabels(questions))


def check_classes(path: Path) -> None:
    """Refuse a labels.json that gives a class another name or colour than the release."""
    labels = vocabulary(CLASSES).labels
    known = [(label.id, label.name, COLORS[label.id]) for label in labels]
    for index, value in enumerate(items_at(path, read_json(path), "the top")):
        place = f"[{index}]"
        row = object_at(path, value, place)
        color = tuple(int(part) for part in numbers_at(path, row.get("color"), place, 3))
        if (row.get("classid"), row.get("name"), color) not in known:
            wrong(
                path,
                place,
                "the class is another one",
                got=f"{row.get('name')} {color}",
                allowed=", ".join(label.name for label in labels),
            )


class SceneLabels:
    """Classes by the image, and questions about it."""

    def __init__(self, masks: Path | None, questions: QuestionLabels) -> None:
        """Keep where the masks lie, if there are any, and the questions."""
        self._masks, self._questions = masks, questions

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays and their vocabularies."""
        return {} if self._masks is None else {"mask/class": CLASSES, "mask/tool": ""}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the classes in the image's mask but the background, then the questions."""
        asked = self._questions.at(moment, ()).statements
        path = None
        if self._masks is not None and moment.image is not None:
            path = self._masks / f"{moment.image.stem}.png"
        if path is None or not path.is_file():
            return Annotated(asked) if asked else NOTHING
        numbers = {color: number + 1 for number, color in enumerate(COLORS)}
        classes = labels_of_colors(read_colors(path, moment.size), numbers, path)
        found = [
            state("segment", SegmentPayload(label, "mask/class"), box)
            for label in vocabulary(CLASSES).labels[1:]
            if (box := box_of(classes == label.id + 1)) is not None
        ]
        return Annotated((*found, *asked), _arrays(classes, wanted))


def _arrays(classes: NDArray[np.uint8], wanted: Collection[str]) -> dict[str, NDArray[np.uint8]]:
    terms = vocabulary(CLASSES)
    tools = np.isin(classes, [terms.label(name).id + 1 for name in TOOLS])
    made = {"mask/class": classes, "mask/tool": tool_mask(tools)}
    return {name: made[name] for name in wanted}
