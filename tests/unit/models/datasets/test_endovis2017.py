"""EndoVis 2017: masks of instruments and their parts, questions, on made trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import published_trees as trees
from support.label_images import rectangle, write_png
from support.made_videos import SIZE

from videoengine.errors import SourceError
from videoengine.models.datasets import endovis2017, list_videos

from .conftest import ReadTruth

TRAINING = "instrument_1_4_training/instrument_dataset_1"


def test_each_folder_is_an_instrument_with_its_box(read_truth: ReadTruth, tmp_path: Path) -> None:
    found = read_truth(trees.endovis2017(tmp_path), TRAINING)
    assert list(found) == [0.0, 0.5]  # 2 a second; frame 2 has no masks
    instruments = [event.payload for event in found[0.0].of("instrument")]
    assert [(one["label"]["name"], one["box"]) for one in instruments] == [
        ("Prograsp_Forceps", [0.0, 0.0, 0.625, 0.25]),
        ("Bipolar_Forceps", [0.75, 0.5, 0.25, 0.5]),
    ]
    assert [event.payload["label"] for event in found[0.5].of("instrument")] == [None]
    mask = found[0.0].array("mask/instrument").array
    assert {int(value): int((mask == value).sum()) for value in (1, 2)} == {1: 384, 2: 480}
    parts = found[0.0].array("mask/part").array
    assert [int((parts == value).sum()) for value in (1, 2, 3)] == [384, 384, 96]
    assert set(np.unique(found[0.0].array("mask/tool").array).tolist()) == {0, 255}


def test_types_of_test_sequences_are_levels(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.endovis2017(tmp_path)
    found = read_truth(root, "instrument_2017_test/instrument_dataset_2")
    (instrument,) = found[0.0].of("instrument")
    assert instrument.payload["label"]["name"] == "Monopolar_Curved_Scissors"
    assert [array.name for array in found[0.0].arrays] == ["mask/instrument", "mask/tool"]


def test_questions_whose_frames_lie_together(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.endovis17_vqla(tmp_path)
    assert [video.video for video in list_videos(root)] == ["seq1", "seq2"]
    found = read_truth(root, "seq1")
    assert list(found) == [7.5]
    (answer,) = found[7.5].of("answer")
    assert answer.payload["value"] == "Idle"
    assert answer.evidence[0]["box"] == [0.5, 0.0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Large_Needle_Driver_Left_labels", "Large_Needle_Driver"),
        ("Prograsp_Forceps", "Prograsp_Forceps"),
        ("Vessel_Sealer_labels", "Vessel_Sealer"),
        ("Other_labels", "Other"),
    ],
)
def test_a_folder_is_named_after_its_instrument(folder: str, name: str) -> None:
    instrument = endovis2017.type_of(folder)
    assert endovis2017.vocabulary(endovis2017.INSTRUMENTS).label(instrument).name == name


def test_an_unknown_folder_and_a_mask_of_another_size_are_refused(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="names no instrument; got 'Spoon'"):
        endovis2017.type_of("Left_Spoon_labels")
    root = trees.endovis2017(tmp_path)
    path = root / TRAINING / "ground_truth/Left_Prograsp_Forceps_labels/frame001.png"
    write_png(path, rectangle(10, (0, 0, 4, 4), (8, 8)))
    with pytest.raises(SourceError, match=f"got 8x8; allowed: {SIZE[0]}x{SIZE[1]}"):
        read_truth(root, TRAINING)
