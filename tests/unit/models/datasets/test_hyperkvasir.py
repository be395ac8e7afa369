"""HyperKvasir: images by class, polyps, findings of videos, on a made tree and the real table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import published_trees as trees
from support.label_images import rectangle, write_png
from support.made_videos import SIZE

from videoengine.errors import SourceError
from videoengine.models.datasets import hyperkvasir, list_videos

from .conftest import ReadTruth

POLYPS = "labeled-images/lower-gi-tract/pathological-findings/polyps"


def test_the_class_of_a_folder_is_stated_of_its_images(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.hyperkvasir(tmp_path), POLYPS)
    assert list(found) == [0.0, 1.0]
    (segment,) = found[0.0].of("segment")
    assert segment.payload["label"]["name"] == "polyps"
    assert segment.payload["artifact"] == ""


def test_the_finding_of_a_video_is_reported_in_its_words(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.hyperkvasir(tmp_path), "labeled-videos/Polypp 5")
    assert len(found) == 5
    (reported,) = next(iter(found.values())).of("reported")
    assert reported.payload["value"] == "polyp, NBI, propably cancer"
    header = "Video file,Organ,Finding 1,Classification 1,Finding 2"
    row = "Polypp 5,Lower GI,Polyps,Pathological findings,"
    trees.write(tmp_path / "labeled-videos/video-labels.csv", f"{header}\n{row}\n")
    found = read_truth(tmp_path, "labeled-videos/Polypp 5")
    (reported,) = next(iter(found.values())).of("reported")
    assert reported.payload["value"] == "Polyps"


def test_polyps_have_boxes_and_masks(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.hyperkvasir(tmp_path)
    for name in ("cj", "ck"):
        write_png(root / f"segmented-images/masks/{name}.png", rectangle(250, (0, 0, 32, 48), SIZE))
    found = read_truth(root, "segmented-images")
    assert found[0.0].of("segment")[0].evidence[0]["box"] == [0.25, 0.25, 0.5, 0.5]
    assert found[1.0].of("segment")[0].evidence[0]["box"] == [0.0, 0.0, 0.5, 1.0]
    mask = found[1.0].array("mask/finding").array
    assert np.array_equal(mask, rectangle(13, (0, 0, 32, 48), SIZE))


def test_a_table_that_knows_no_image_of_a_folder_is_refused(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    root = trees.hyperkvasir(tmp_path)
    text = "Video file,Organ,Finding,Classification\nx,Lower GI,cecum,anatomical-landmarks\n"
    trees.write(root / "labeled-images/image-labels.csv", text)
    with pytest.raises(SourceError, match="no image of the folder polyps is in the table"):
        read_truth(root, POLYPS)


def test_a_wrong_row_of_metadata_is_refused_when_listed(tmp_path: Path) -> None:
    root = trees.hyperkvasir(tmp_path)
    path = root / hyperkvasir.METADATA
    path.write_text(path.read_text("utf-8").replace(";25;", ";fast;"), "utf-8")
    with pytest.raises(SourceError, match=r"metadata\.csv, line 2: fps is wrong"):
        list_videos(root)


@pytest.mark.shared
def test_the_real_metadata_are_read_whole(shared: Path) -> None:
    found = hyperkvasir.read_metadata(shared / "hyperkvasir" / hyperkvasir.METADATA)
    assert len(found) == 373
    assert found["Polypp 5.avi"] == "polyp"
    assert sum(not text for text in found.values()) == 3
