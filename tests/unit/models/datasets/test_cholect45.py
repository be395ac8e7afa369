"""CholecT45: tables of marks, on a made tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import list_videos, open_dataset

from .conftest import ReadTruth


def test_triplets_and_the_instruments_without_one_are_read(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.cholect45(tmp_path))
    names = [event.payload["label"]["name"] for event in found[0.0].of("instrument")]
    assert names == ["grasper", "hook", "irrigator"]
    triplets = [event.payload["verb"]["name"] for event in found[0.0].of("triplet")]
    assert triplets == ["retract", "dissect"]
    assert [event.payload["label"] for event in found[1.0].of("instrument")] == [None]
    assert not found[0.0].of("phase")


def refused(root: Path, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_dataset(list_videos(root)[0].uri, stream_id="s0")


def test_instruments_that_contradict_the_triplets_are_refused(tmp_path: Path) -> None:
    root = trees.cholect45(tmp_path)
    trees.table(root / "instrument/VID01.txt", [(0, 1, 0, 0, 0, 0, 0), (1, *[0] * 6)], ",")
    refused(root, r"instrument/VID01\.txt, at frame 0: the instruments contradict the triplets")


def test_a_short_row_and_another_name_are_refused(tmp_path: Path) -> None:
    root = trees.cholect45(tmp_path)
    trees.table(root / "triplet/VID01.txt", [(0, *[0] * 99)], ",")
    refused(root, r"triplet/VID01\.txt, line 1: the row has another length; got 100 values")
    trees.write(root / "dict/verb.txt", "0:grasp\n1:pull\n")
    refused(root, r"verb\.txt, line 2: the name is another one; got '1:pull'; allowed: 'retract'")
