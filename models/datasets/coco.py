"""COCO files: images by name, and the boxes on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoengine.models.datasets.annotations import Box, clipped
from videoengine.models.datasets.label_file import (
    items_at,
    numbers_at,
    object_at,
    read_json,
    wrong,
)
from videoengine.payloads import Label


@dataclass(frozen=True, slots=True)
class CocoObject:
    """One annotated object."""

    label: Label
    box: Box


@dataclass(frozen=True, slots=True)
class CocoFile:
    """A COCO file whose images are known by their names without suffix."""

    path: Path
    images: Mapping[str, dict[str, Any]]
    objects: Mapping[str, Sequence[CocoObject]]


def read_coco(path: Path, labels: Sequence[Label]) -> CocoFile:
    """Return a COCO file whose categories are terms of a vocabulary.

    Raises:
        SourceError: The file is not as published, or names an unknown category.
    """
    whole = object_at(path, read_json(path), "the top")
    terms = _categories(path, whole, labels)
    images: dict[str, dict[str, Any]] = {}
    names: dict[int, str] = {}
    for index, value in enumerate(items_at(path, whole.get("images"), "images")):
        place = f"images[{index}]"
        row = object_at(path, value, place)
        name = row.get("file_name")
        if not isinstance(name, str):
            wrong(path, place, "an image has no name", got=repr(name)[:40], allowed="file_name")
        numbers_at(path, [row.get("width"), row.get("height")], place, 2)
        names[_id(path, row, "id", place)] = Path(name).stem
        images[Path(name).stem] = row
    objects: dict[str, list[CocoObject]] = {}
    for index, value in enumerate(items_at(path, whole.get("annotations", []), "annotations")):
        place = f"annotations[{index}]"
        row = object_at(path, value, place)
        image, kind = _id(path, row, "image_id", place), _id(path, row, "category_id", place)
        if image not in names or kind not in terms:
            what = "the object has no image or no category of the file"
            wrong(path, place, what, got=f"{image}, {kind}", allowed="ids")
        box = _box(path, row, images[names[image]], place)
        objects.setdefault(names[image], []).append(CocoObject(terms[kind], box))
    return CocoFile(path, images, objects)


def _id(path: Path, row: dict[str, Any], key: str, place: str) -> int:
    number = row.get(key)
    if not isinstance(number, int):
        wrong(path, place, f"{key} is wrong", got=repr(number)[:40], allowed="a number")
    return number


def _categories(path: Path, whole: dict[str, Any], labels: Sequence[Label]) -> dict[int, Label]:
    known = {label.name: label for label in labels}
    found: dict[int, Label] = {}
    for index, value in enumerate(items_at(path, whole.get("categories", []), "categories")):
        place = f"categories[{index}]"
        row = object_at(path, value, place)
        name = row.get("name")
        if not isinstance(name, str) or name not in known:
            what = "the category is another one"
            wrong(path, place, what, got=repr(name)[:40], allowed=", ".join(known))
        found[_id(path, row, "id", place)] = known[name]
    return found


def _box(path: Path, row: dict[str, Any], image: dict[str, Any], place: str) -> Box:
    x, y, width, height = numbers_at(path, row.get("bbox"), f"{place}.bbox", 4)
    across, down = float(image["width"]), float(image["height"])
    if across <= 0 or down <= 0:
        wrong(path, place, "the image has no size", got=f"{across}x{down}", allowed="pixels")
    return clipped(x / across, y / down, width / across, height / down)
