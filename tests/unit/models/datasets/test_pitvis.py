"""PitVis: a row each second, with its quirks, on a made tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import list_videos, open_dataset, pitvis

from .conftest import ReadTruth


def test_rows_are_stated_at_their_second(read_truth: ReadTruth, tmp_path: Path) -> None:
    found = read_truth(trees.pitvis(tmp_path), "video_01")
    assert list(found) == [0.0, 1.0, 2.0, 3.0]  # the row too many has no frame
    decisions = [truth.of("privacy")[0].payload["decision"] for truth in found.values()]
    assert decisions == ["blank", "allow", "allow", "allow"]
    assert [event.kind for event in found[0.0].events] == ["privacy"]
    step = found[1.0].of("step")[0].payload["label"]
    assert step == {"vocabulary": "pitvis/step@1", "id": 0, "name": "nasal_corridor_creation"}
    labels = [[event.payload["label"] for event in row.of("instrument")] for row in found.values()]
    tools = [[label and label["name"] for label in row] for row in labels]
    assert tools == [[], [None], ["ring_curette", "suction"], ["micro_doppler"]]


def test_the_video_without_a_table_is_read_without_labels(tmp_path: Path) -> None:
    videos = list_videos(trees.pitvis(tmp_path))
    assert {video.video: bool(video.kinds) for video in videos} == {
        "video_01": True, "video_19": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((1, 0, 0, 0, -2), "there is no step 0"),
        ((1, 0, -1, 3, -2), "step and instrument contradict each other"),
        ((1, 0, 3, -1, -2), "step and instrument contradict each other"),
        ((1, 0, 15, 1, -2), "int_step is wrong"),
        ((1, 0, 1, 1, 19), "int_instrument2 is wrong"),
        ((2, 0, 1, 1, -2), "of another video"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: tuple[int, ...], words: str) -> None:
    root = trees.pitvis(tmp_path, [row])
    with pytest.raises(SourceError, match=rf"annotations_01\.csv, line 2: .*{words}"):
        pitvis.read_seconds(root / "annotations_01.csv", 1)


def test_a_map_with_other_names_is_refused(tmp_path: Path) -> None:
    root = trees.pitvis(tmp_path)
    trees.write(root / "map_steps.csv", "int_step,str_step\n1,closure\n")
    with pytest.raises(SourceError, match=r"map_steps\.csv, line 2: the name is another one"):
        open_dataset(list_videos(root)[0].uri, stream_id="s0")
