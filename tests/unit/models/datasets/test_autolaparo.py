"""AutoLaparo: phases, motions to come and masks, on a made tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import published_trees as trees
from support.label_images import rectangle, write_png
from support.made_videos import SIZE

from videoengine.errors import SourceError
from videoengine.models.datasets import autolaparo, list_videos

from .conftest import ReadTruth

LEVELS = rectangle(60, (0, 0, 16, 24), SIZE) + rectangle(80, (16, 0, 16, 24), SIZE)


def test_phases_count_from_one_and_rows_from_the_first_second(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.autolaparo(tmp_path), "task1/01")
    labels = {seconds: truth.of("phase")[0].payload["label"] for seconds, truth in found.items()}
    assert {seconds: label["id"] for seconds, label in labels.items()} == {0.0: 1, 1.0: 6}
    assert labels[1.0]["name"] == "Washing"


def test_a_motion_is_anticipated_until_it_begins(read_truth: ReadTruth, tmp_path: Path) -> None:
    found = read_truth(trees.autolaparo(tmp_path), "task2/228")
    coming = {seconds: truth.of("anticipation") for seconds, truth in found.items()}
    assert coming[1.0][0].payload["label"]["name"] == "Zoom-in"
    assert coming[1.0][0].payload["in_seconds"] == 4.0
    assert [seconds for seconds, events in coming.items() if events][-1] == 4.8
    assert len(found) == 50


def test_masks_tell_instruments_parts_and_the_uterus(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.autolaparo(tmp_path)
    mask = LEVELS + rectangle(180, (0, 36, 64, 12), SIZE)
    write_png(root / "Task 3 Segmentation/masks/001025.png", mask)
    found = read_truth(root, "task3/001")
    assert list(found) == [0.96]  # frame 25 of 25 a second, after frame 1
    truth = found[0.96]
    (instrument,) = truth.of("instrument")
    assert instrument.payload["label"]["name"] == "LigaSure"
    assert instrument.payload["box"] == [0.0, 0.0, 0.5, 0.5]
    (uterus,) = truth.of("segment")
    assert uterus.evidence[0]["box"] == [0.0, 0.75, 1.0, 0.25]
    assert np.array_equal(truth.array("mask/instrument").array, np.where(LEVELS > 0, 2, 0))
    assert np.array_equal(truth.array("mask/part").array, np.where(LEVELS > 0, LEVELS // 20 - 2, 0))
    assert np.array_equal(truth.array("mask/tool").array, np.where(LEVELS > 0, 255, 0))
    assert truth.array("mask/anatomy").array.sum() == 12 * 64


def test_a_level_that_stands_for_nothing_is_refused(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.autolaparo(tmp_path)
    write_png(root / "Task 3 Segmentation/masks/001001.png", LEVELS + np.uint8(1))
    with pytest.raises(SourceError, match="a grey level stands for no class"):
        read_truth(root, "task3/001")


def test_splits_are_those_published(tmp_path: Path) -> None:
    root = trees.autolaparo(tmp_path)
    (root / "Task 3 Segmentation/masks").mkdir()
    splits = {video.video: video.split for video in list_videos(root)}
    assert splits == {"task1/01": "train", "task2/228": "test", "task3/001": "train"}


@pytest.mark.parametrize(("row", "words"), [((0, 1), "Frame is wrong"), ((1, 8), "Phase is wrong")])
def test_numbers_out_of_range_are_refused(tmp_path: Path, row: tuple[int, int], words: str) -> None:
    path = trees.table(tmp_path / "label_01.txt", [("Frame", "Phase"), row])
    with pytest.raises(SourceError, match=words):
        autolaparo.read_phases(path)
