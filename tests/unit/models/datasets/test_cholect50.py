"""CholecT50: instruments with boxes, triplets and phases of annotated seconds, on a made tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import cholect50

from .conftest import ReadTruth


def test_a_row_is_an_instrument_with_its_box_and_what_it_does(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.cholect50(tmp_path), "VID01")
    assert list(found) == [0.0, 1.0]  # seconds 3 and 4; second 6 is not annotated
    instruments = [event.payload for event in found[0.0].of("instrument")]
    assert [payload["label"]["name"] for payload in instruments] == ["hook", "grasper"]
    assert instruments[0]["box"] == pytest.approx([0.1, 0.9, 0.2, 0.1])  # cut at the edge
    assert instruments[1]["box"] == [0.5, 0.25, 0.25, 0.5]
    triplets = [
        [event.payload[part]["name"] for part in ("instrument", "verb", "target")]
        for event in found[0.0].of("triplet")
    ]
    assert triplets == [["hook", "dissect", "gallbladder"], ["grasper", "retract", "gallbladder"]]
    phase = found[0.0].of("phase")[0].payload["label"]
    assert phase == {"vocabulary": "cholec80/phase@1", "id": 1, "name": "CalotTriangleDissection"}


def test_a_second_without_instruments_says_so(read_truth: ReadTruth, tmp_path: Path) -> None:
    truth = read_truth(trees.cholect50(tmp_path), "VID01")[1.0]
    assert [event.payload["label"] for event in truth.of("instrument")] == [None]
    assert not truth.of("triplet")
    assert truth.of("phase")[0].payload["label"]["id"] == 2


def changed(**values: Any) -> list[Any]:
    """Return a row in which places p0, p1, … are set."""
    row = trees.cholect50_row(17)
    for key, value in values.items():
        row[int(key[1:])] = value
    return row


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([changed(p1=2)], r"annotations\.3\[0\]: the triplet is not made of these.*gallbladder"),
        ([changed(p0=100)], "an id is wrong; got 100; allowed: 0 to 99"),
        ([changed(p14=7)], "an id is wrong; got 7"),
        ([changed(p0=-1, p7=10)], "an id is wrong; got 10"),
        ([changed(p3="x")], "numbers are missing"),
        ([changed()[:14]], "numbers are missing.*15 numbers"),
        ([changed(), changed(p14=3)], "differ in phase"),
        ({}, "a list is missing"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(tmp_path: Path, rows: Any, words: str) -> None:
    trees.cholect50(tmp_path, {"3": rows})
    with pytest.raises(SourceError, match=words) as caught:
        cholect50.read_actions(tmp_path / "labels/VID01.json")
    assert "VID01.json, at annotations.3" in str(caught.value)


@pytest.mark.parametrize("component", ["verb", "phase"])
def test_other_categories_are_refused(tmp_path: Path, component: str) -> None:
    path = trees.cholect50(tmp_path) / "labels/VID01.json"
    whole = json.loads(path.read_text("utf-8"))
    whole["categories"][component]["1"] = "fly"
    path.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(SourceError, match=rf"categories\.{component}\.1: the category is another"):
        cholect50.read_actions(path)


def test_null_stands_for_none(tmp_path: Path) -> None:
    trees.cholect50(tmp_path, {"3": [changed(p10=None, p11=None, p12=None, p13=None)]})
    found = cholect50.read_actions(tmp_path / "labels/VID01.json")
    assert found[3].actions[0].instrument == 0
