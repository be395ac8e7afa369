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
    names: dict[Any, str] = {}
    for index, value in enumerate(items_at(path, whole.get("images"), "images")):
        place = f"images[{index}]"
        row = object_at(path, value, place)
        name = row.get("file_name")
        if not isinstance(name, str) or not isinstance(row.get("id"), int):
            wrong(path, place, "an image has no name or no id", got=repr(name), allowed="both")
        numbers_at(path, [row.get("width"), row.get("height")], place, 2)
        names[row["id"]] = Path(name).stem
        images[Path(name).stem] = row
    objects: dict[str, list[CocoObject]] = {}
    for index, value in enumerate(items_at(path, whole.get("annotations", []), "annotations")):
        place = f"annotations[{index}]"
        row = object_at(path, value, place)
        if row.get("image_id") not in names or row.get("category_id") not in terms:
            wrong(
                path,
                place,
                "the object has no image or no category of the file",
                got=f"{row.get('image_id')}, {row.get('category_id')}",
                allowed="ids",
            )
        image = names[row["image_id"]]
        found = CocoObject(terms[row["category_id"]], _box(path, row, images[image], place))
        objects.setdefault(image, []).append(found)
    return CocoFile(path, images, objects)


def _categories(path: Path, whole: dict[str, Any], labels: Sequence[Label]) -> dict[Any, Label]:
    known = {label.name: label for label in labels}
    found: dict[Any, Label] = {}
    for index, value in enumerate(items_at(path, whole.get("categories", []), "categories")):
        row = object_at(path, value, f"categories[{index}]")
        if row.get("name") not in known or not isinstance(row.get("id"), int):
            wrong(
                path,
                f"categories[{index}]",
                "the category is another one",
                got=repr(row.get("name")),
                allowed=", ".join(known),
            )
        found[row["id"]] = known[row["name"]]
    return found


def _box(path: Path, row: dict[str, Any], image: dict[str, Any], place: str) -> Box:
    x, y, width, height = numbers_at(path, row.get("bbox"), f"{place}.bbox", 4)
    across, down = float(image["width"]), float(image["height"])
    if across <= 0 or down <= 0:
        wrong(path, place, "the image has no size", got=f"{across}x{down}", allowed="pixels")
    return clipped(x / across, y / down, width / across, height / down)
