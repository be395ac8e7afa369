"""Cholec80: a phase each frame, tools each second, on a made tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.errors import SourceError
from videoengine.models.datasets import cholec80
from videoengine.sources import Truth
from videoengine.vocabularies import vocabulary

from .conftest import ReadTruth


def names(truth: Truth) -> list[str | None]:
    labels = [event.payload["label"] for event in truth.of("instrument")]
    return [None if label is None else label["name"] for label in labels]


def test_phases_at_each_frame_and_tools_at_each_second(
    read_truth: ReadTruth, tmp_path: Path
) -> None:
    found = read_truth(trees.cholec80(tmp_path), "video01")
    assert len(found) == 75
    phases = [truth.of("phase")[0].payload["label"]["id"] for truth in found.values()]
    assert phases == [0] * 50 + [1] * 25
    tools = {seconds: names(truth) for seconds, truth in found.items() if truth.of("instrument")}
    assert tools == {0.0: ["Grasper"], 1.0: ["Grasper", "Hook"], 2.0: [None]}
    first = found[0.0].of("phase")[0].payload
    assert first["label"]["vocabulary"] == "cholec80/phase@1"
    assert first["probabilities"] == {"0": 1.0}
    assert found[0.0].of("procedure")[0].payload["label"]["name"] == "cholecystectomy"


def test_labels_hold_at_another_rate_of_the_video(read_truth: ReadTruth, tmp_path: Path) -> None:
    root = trees.cholec80(tmp_path)
    trees.video(root / "videos/video01.mp4", 3, fps=5)
    found = read_truth(root, "video01")
    assert [seconds for seconds, truth in found.items() if truth.of("instrument")] == [0, 1, 2]
    assert found[2.0].of("phase")[0].payload["label"]["name"] == "CalotTriangleDissection"


@pytest.mark.parametrize("missing", ["phase", "tool"])
def test_either_file_may_miss(read_truth: ReadTruth, tmp_path: Path, missing: str) -> None:
    root = trees.cholec80(tmp_path)
    (root / f"{missing}_annotations/video01-{missing}.txt").unlink()
    kinds = {event.kind for truth in read_truth(root).values() for event in truth.events}
    assert kinds == {"procedure", "phase" if missing == "tool" else "instrument"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, "Preparation"), (1, "Preperation")], "line 3: cholec80/phase@1 has no such term"),
        ([(0, "Preparation"), (0, "Preparation")], "line 3: the frame stands here twice"),
        ([("x", "Preparation")], "line 2: Frame is wrong"),
    ],
)
def test_a_wrong_phase_is_refused(
    tmp_path: Path, rows: list[tuple[object, ...]], words: str
) -> None:
    path = trees.table(tmp_path / "video01-phase.txt", [("Frame", "Phase"), *rows])
    with pytest.raises(SourceError, match=words):
        cholec80.read_phases(path, cholec80.PHASES)


def test_a_tool_that_is_neither_seen_nor_not_is_refused(tmp_path: Path) -> None:
    header = ("Frame", *(label.name for label in vocabulary(cholec80.TOOLS).labels))
    path = trees.table(tmp_path / "video01-tool.txt", [header, (0, 0, 0, 2, 0, 0, 0, 0)])
    with pytest.raises(SourceError, match="line 2: Hook is wrong; got '2'"):
        cholec80.read_tools(path)


@pytest.mark.shared
def test_a_real_video_takes_labels_by_the_numbers_of_its_frames(
    read_truth: ReadTruth, shared: Path, tmp_path: Path
) -> None:
    clip = shared / "cholec80_clips/group63-VID47_1132_and_VID49_802_a.mp4"  # 32 s at 25 fps
    root = trees.cholec80(tmp_path)
    (root / "videos/video01.mp4").unlink()
    (root / "videos/video01.mp4").symlink_to(clip)
    phases = ["Preparation"] * 400 + ["ClippingCutting"] * 400
    trees.table(root / "phase_annotations/video01-phase.txt", trees.phase_rows(phases))
    tools = {25 * second: ["Hook"] if second % 2 else [] for second in range(32)}
    trees.table(root / "tool_annotations/video01-tool.txt", trees.tool_rows(tools))
    found = read_truth(root, "video01")
    ids = [truth.of("phase")[0].payload["label"]["id"] for truth in found.values()]
    assert ids == [0] * 400 + [2] * 400
    seen = [names(truth) for truth in found.values() if truth.of("instrument")]
    assert seen == [["Hook"] if second % 2 else [None] for second in range(32)]
