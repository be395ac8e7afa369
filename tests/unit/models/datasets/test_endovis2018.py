"""EndoVis 2018: classes in colours and questions, on a made tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import endovis2018, endovis_questions
from videoengine.vocabularies import vocabulary

from .conftest import ReadTruth


def test_classes_and_questions_are_read(read_truth: ReadTruth, tmp_path: Path) -> None:
    found = read_truth(trees.endovis2018(tmp_path))
    assert list(found) == [0.0, 0.5]
    segments = {
        event.payload["label"]["name"]: event.evidence[0]["box"]
        for event in found[0.0].of("segment")
    }
    assert segments == {
        "instrument-shaft": [0.75, 0.0, 0.25, 1.0],
        "kidney-parenchyma": [0.0, 0.5, 0.75, 0.5],
    }
    classes, tools = found[0.0].array("mask/class").array, found[0.0].array("mask/tool").array
    assert [int((classes == value).sum()) for value in (1, 2, 5)] == [48 * 24, 16 * 48, 48 * 24]
    assert int((tools == 255).sum()) == 16 * 48


def test_an_answer_is_about_its_question(read_truth: ReadTruth, tmp_path: Path) -> None:
    truth = read_truth(trees.endovis2018(tmp_path))[0.5]
    questions, answers = truth.of("question"), truth.of("answer")
    assert [answer.payload["about"] for answer in answers] == [one.key for one in questions]
    assert [answer.payload["text"] for answer in answers] == ["kidney", "left-top"]
    assert "box" not in answers[0].evidence[0]
    assert answers[1].evidence[0]["box"] == [0.0, 0.0, 0.5, 0.5]


def test_classes_are_checked_against_labels_json(tmp_path: Path) -> None:
    names = [label.name for label in vocabulary(endovis2018.CLASSES).labels]
    rows = [
        {"name": name, "color": list(color), "classid": number}
        for number, (name, color) in enumerate(zip(names, endovis2018.COLORS, strict=True))
    ]
    path = trees.write(tmp_path / "labels.json", json.dumps(rows))
    endovis2018.check_classes(path)
    rows[3]["color"] = [1, 2, 3]
    path.write_text(json.dumps(rows), "utf-8")
    with pytest.raises(SourceError, match=r"at \[3\]: the class is another one"):
        endovis2018.check_classes(path)


@pytest.mark.parametrize(
    "line", ["no bar", "q|", "|a", "q|a|1, 2, 3", "q|a|9, 9, 1, 1", "q|a|1, 2, 3, x", "q|a|b|c"]
)
def test_a_wrong_line_of_questions_is_refused(tmp_path: Path, line: str) -> None:
    path = trees.write(tmp_path / "frame000_QA.txt", f"q|a\n{line}\n")
    with pytest.raises(SourceError, match=r"frame000_QA\.txt, line 2"):
        endovis_questions.read_questions(path)
