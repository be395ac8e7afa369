"""`analyze` on every real clip: the case verifies; each event starts at a stamp of the stream."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest

from videoengine.apps.analyze import analyze
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.events import canonical_lines
from videoengine.media_time import ns_from_pts

CLIPS = [
    ("cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4", "laparoscopy"),
    ("cholec80_clips/group22-VID05_1858_and_VID08_1331_a.mp4", "laparoscopy"),
    ("cholec80_clips/group57-VID22_372_and_VID26_693_b.mp4", "laparoscopy"),
    ("cholec80_clips/group63-VID47_1132_and_VID49_802_a.mp4", "laparoscopy"),
    ("endonerf/pulling_gt.mp4", "robotic"),
    ("cholecseg8k/horizontal_grid.webm", "unknown"),
]
pytestmark = [pytest.mark.shared, pytest.mark.slow]


def stamps_of(path: Path) -> set[int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return {
            ns_from_pts(frame.pts, stream.time_base)
            for frame in container.decode(stream)
            if frame.pts is not None
        }


@pytest.mark.parametrize(("name", "modality"), CLIPS)
def test_each_event_starts_at_a_stamp_that_pyav_lists(
    name: str, modality: str, shared: Path, tmp_path: Path
) -> None:
    outcome = analyze(str(shared / name), tmp_path / "case", modality=modality)
    stamps = stamps_of(shared / name)
    assert outcome.frames == len(stamps)
    assert outcome.failures == ()
    verify(tmp_path / "case")
    events = list(Case.open(tmp_path / "case").events("quality", "privacy"))
    assert len(events) >= 2 * 5 * (max(stamps) - min(stamps)) // 1_000_000_000
    assert {event.start_ns for event in events} <= stamps


def test_a_folder_of_stills_is_stamped_by_its_numbers_and_the_declared_rate(
    shared: Path, tmp_path: Path
) -> None:
    folder = shared / "cholect50" / "videos" / "VID68"
    numbers = sorted(int(path.stem) for path in folder.glob("*.jpg"))
    outcome = analyze(str(folder), tmp_path / "case", fps=1, modality="laparoscopy")
    assert outcome.frames == len(numbers)
    verify(tmp_path / "case")
    case = Case.open(tmp_path / "case")
    first = numbers[0]
    starts = {event.start_ns for event in case.events("quality")}
    assert starts == {(number - first) * 1_000_000_000 for number in numbers}
    holes = sum(b - a > 5 for a, b in itertools.pairwise(numbers))
    assert len(list(case.events("gap"))) == holes == len(case.manifest.epochs) - 1


def test_two_runs_of_one_clip_state_the_same(shared: Path, tmp_path: Path) -> None:
    clip = str(shared / CLIPS[4][0])
    lines = []
    for name in ("one", "two"):
        analyze(clip, tmp_path / name, modality="robotic")
        lines.append(canonical_lines(Case.open(tmp_path / name).events()))
    assert lines[0] == lines[1]
