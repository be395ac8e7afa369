"""MedMultiPoints: boxes, points and counts, on a made tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import medmultipoints

from .conftest import ReadTruth

GOOD: dict[str, Any] = {
    "image_sha256": "aa", "img_size": [64, 48], "bbox": [], "points": [], "count": 0,
    "label": "polyps",
}  # fmt: skip


def test_boxes_points_and_counts_are_stated(read_truth: ReadTruth, tmp_path: Path) -> None:
    found = read_truth(trees.medmultipoints(tmp_path))
    assert list(found) == [0.0]
    boxes = [event.evidence[0]["box"] for event in found[0.0].of("segment")]
    assert boxes == [[0.25, 0.25, 0.5, 0.5], [0.5, 0.5, 0.0, 0.0]]
    counts = {e.payload["name"]: e.payload["value"] for e in found[0.0].of("measurement")}
    assert counts == {"count/instrument": 1.0, "count/polyps": 2.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "kidney"}, "line 2: the label is unknown"),
        ({"count": -1}, "line 2: the count is wrong"),
        ({"bbox": [[1, 2, 3]]}, "line 2, bbox: numbers are missing"),
        ({"img_size": [0, 48]}, "the image has no size"),
        ({"image_sha256": None}, "image_sha256 is missing"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    root = trees.medmultipoints(tmp_path, [GOOD, {**GOOD, **change}])
    with pytest.raises(SourceError, match=words):
        medmultipoints.read_rows(root / "rows.jsonl")
