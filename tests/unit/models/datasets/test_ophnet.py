"""OphNet: intervals in seconds, on a made tree and on the real tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import list_videos, ophnet

from .conftest import ReadTruth

HEADER = "video_id,start,end,split,surgery_id,phase_id\n"


def test_intervals_cover_their_frames_and_may_overlap(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.ophnet(tmp_path), "case_0001")
    phases = {
        seconds: [event.payload["label"]["id"] for event in truth.of("phase")]
        for seconds, truth in found.items()
    }
    assert phases[0.0] == phases[1.2] == [3]
    assert phases[1.3] == phases[1.4] == [3, 6]
    assert phases[1.5] == phases[1.9] == [6]
    assert phases[2.0] == []
    surgeries = [event.payload["label"]["id"] for event in found[1.4].of("procedure")]
    assert surgeries == [5, 0]
    assert [event.payload["label"]["id"] for event in found[2.5].of("procedure")] == [1, 2]


def test_splits_and_videos_without_intervals(tmp_path: Path) -> None:
    videos = list_videos(trees.ophnet(tmp_path))
    assert [(video.split, video.kinds) for video in videos] == [
        ("val", ("procedure", "phase")), (None, ("procedure",)), (None, ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("case_1,2,1,val,0,0", "ends before it starts"),
        ("case_1,0,1,dev,0,0", "the split is wrong"),
        ("case_1,0,1,val,0,52", "phase_id is wrong"),
        ("case_1,0,x,val,0,0", "end is wrong"),
    ],
)
def test_a_wrong_interval_is_refused(tmp_path: Path, row: str, words: str) -> None:
    path = trees.write(tmp_path / ophnet.PHASE_TABLE, f"{HEADER}case_0,0,1,val,0,0\n{row}\n")
    with pytest.raises(SourceError, match=rf"line 3: .*{words}"):
        ophnet.read_cases(path, None)


@pytest.mark.parametrize("value", ["80", "1;2", '"1,"', ""])
def test_wrong_surgeries_are_refused(tmp_path: Path, value: str) -> None:
    path = trees.write(tmp_path / ophnet.SURGERY_TABLE, f"video_id,surgery\ncase_1,{value}\n")
    with pytest.raises(SourceError, match="line 2: the surgeries are wrong"):
        ophnet.read_surgeries(path)


@pytest.mark.shared
def test_the_real_tables_are_read_whole(shared: Path) -> None:
    folder = shared / "ophnet"
    cases = ophnet.read_cases(folder / ophnet.PHASE_TABLE, folder / ophnet.SURGERY_TABLE)
    annotated = [case for case in cases.values() if case.intervals]
    assert (len(cases), len(annotated)) == (1969, 743)
    assert sum(len(case.intervals) for case in annotated) == 14_674
    assert {case.split for case in annotated} == {"train", "val", "test"}
    assert cases["case_0814"].surgeries == (1, 13, 14)
    assert cases["case_0358"].surgeries == (28,)  # the first row, behind the byte order mark
    assert cases["case_0002"].intervals[1] == ophnet.Interval(11.33, 15.23, 0, 6)
