"""Endoscapes: boxes, masks and the critical view, on a made tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import published_trees as trees
from support.label_images import rectangle, write_png
from support.made_videos import SIZE

from videoengine.errors import SourceError
from videoengine.models.datasets import list_videos
from videoengine.sources import Truth

from .conftest import ReadTruth


def criteria(truth: Truth) -> dict[str, float]:
    return {event.payload["name"]: event.payload["value"] for event in truth.of("measurement")}


def test_boxes_and_the_critical_view_are_stated_at_key_frames(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    root = trees.endoscapes(tmp_path)
    assert [(video.video, video.split) for video in list_videos(root)] == [
        ("1", "train"), ("2", "train"),
    ]  # fmt: skip
    found = read_truth(root, "1")
    assert list(found) == [0.0, 1.0]  # frames 50 and 75; 125 is 3 s in and not annotated
    (tool,) = found[0.0].of("instrument")
    assert tool.payload["label"]["name"] == "tool"
    assert tool.payload["box"] == [0.25, 0.25, 0.5, 0.5]
    (gallbladder,) = found[0.0].of("segment")
    assert gallbladder.payload["label"]["name"] == "gallbladder"
    assert gallbladder.evidence[0]["box"] == [0.0, 0.0, 1.0, 1.0]
    assert criteria(found[1.0]) == {"cvs/c1": 1.0, "cvs/c2": 0.0, "cvs/c3": 0.667}
    assert not found[1.0].of("instrument")  # not annotated is not the same as none seen


def test_the_metadata_stand_in_for_the_file_of_criteria(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    root = trees.endoscapes(tmp_path)
    (root / "train/annotation_ds_coco.json").unlink()
    rows = [("vid", "frame", "is_ds_keyframe", "C1", "C2", "C3"),
            (1, 50, "False", 1, 1, 1), (1, 125, "True", 0, 0.333, 1)]  # fmt: skip
    trees.table(root / "all_metadata.csv", rows, ",")
    found = read_truth(root, "1")
    assert criteria(found[3.0]) == {"cvs/c1": 0.0, "cvs/c2": 0.333, "cvs/c3": 1.0}
    assert criteria(found[0.0]) == {}


def test_masks_are_read_where_there_are_any(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.endoscapes(tmp_path)
    levels = rectangle(5, (0, 0, 32, 48), SIZE) + rectangle(6, (32, 0, 16, 48), SIZE)
    write_png(root / "semseg/1_125.png", levels)
    found = read_truth(root, "1")
    assert [array.name for array in found[3.0].arrays] == ["mask/structure", "mask/tool"]
    assert int((found[3.0].array("mask/tool").array == 255).sum()) == 16 * 48
    assert not found[0.0].arrays


def without(key: str, **values: Any) -> dict[str, Any]:
    row = {"id": 0, "file_name": "1_50.jpg", "width": 64, "height": 48}
    return {name: value for name, value in {**row, **values}.items() if name != key}


@pytest.mark.parametrize(
    ("images", "objects", "words"),
    [
        ([without("file_name")], [], r"images\[0\]: an image has no name"),
        ([without("width")], [], r"images\[0\]: numbers are missing"),
        ([without("id")], [], r"images\[0\]: id is wrong"),
        ([without("")], [{"image_id": [], "category_id": 6}], "image_id is wrong"),
        (
            [without("")],
            [{"image_id": 3, "category_id": 6}],
            r"tions\[0\]: the object has no",
        ),
        (
            [without("")],
            [{"image_id": 0, "category_id": 9}],
            r"tions\[0\]: the object has no",
        ),
        (
            [without("")],
            [{"image_id": 0, "category_id": 1, "bbox": [1]}],
            r"tions\[0\]\.bbox",
        ),
    ],
)
def test_a_wrong_coco_file_is_refused(
    read_truth: ReadTruth, tmp_path: Path, images: Any, objects: Any, words: str
) -> None:
    root = trees.endoscapes(tmp_path)
    trees.write(root / "train/annotation_coco.json", trees.coco(images, objects))
    with pytest.raises(SourceError, match=words):
        read_truth(root, "1")
    whole = json.loads(trees.coco([], []))
    whole["categories"][0]["name"] = "spleen"
    trees.write(root / "train/annotation_coco.json", json.dumps(whole))
    with pytest.raises(SourceError, match=r"categories\[0\]: the category is another one"):
        read_truth(root, "1")
