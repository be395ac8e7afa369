"""M2CAI16: both challenges, on a made tree."""

from __future__ import annotations

from pathlib import Path

from support import published_trees as trees

from videoengine.models.datasets import list_videos

from .conftest import ReadTruth


def test_workflow_and_tools_are_read(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.m2cai16(tmp_path)
    for name in ("workflow_video_01", "test_workflow_video_01"):
        phases = [
            truth.of("phase")[0].payload["label"] for truth in read_truth(root, name).values()
        ]
        assert [phase["id"] for phase in phases] == [0] * 5 + [1] * 5
        assert phases[0] == {"vocabulary": "m2cai16/phase@1", "id": 0, "name": "TrocarPlacement"}
    tools = read_truth(root, "tool_video_01")
    assert [event.payload["label"]["name"] for event in tools[1.0].of("instrument")] == [
        "Irrigator", "SpecimenBag",
    ]  # fmt: skip
    assert list(tools) == [0.0, 1.0]


def test_a_task_alone_is_known(tmp_path: Path) -> None:
    videos = list_videos(trees.m2cai16(tmp_path) / "train_dataset")
    assert [video.video for video in videos] == ["tool_video_01", "workflow_video_01"]
    (tmp_path / "train_dataset/tool_video_01.txt").unlink()
    assert list_videos(tmp_path / "train_dataset")[0].kinds == ()
