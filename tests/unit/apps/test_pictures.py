from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.recordings import make_case, write_stamped

from videoengine.apps import pictures
from videoengine.apps.pictures import Moment, frames_at
from videoengine.case import Case


def level(index: int) -> tuple[int, int, int]:
    gray = index % 200 + 30
    return gray, gray, gray


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of 40 s whose frame n has gray level n % 200 + 30, with a gap of 3 s."""
    stamps = [512 * index for index in (*range(600), *range(675, 1075))]
    tmp_path = tmp_path_factory.mktemp("numbered")
    clip = write_stamped(tmp_path / "clip.mp4", stamps, color=level)
    return make_case(tmp_path / "case", clip)


def moments(case: Case) -> list[Moment]:
    return [Moment(event.epoch, event.start_ns) for event in case.events("quality")]


@pytest.mark.parametrize("seekable", [True, False])
def test_the_frames_wanted_are_the_frames_got(
    numbered: Path, seekable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.open(numbered)
    if not seekable:
        monkeypatch.setattr(pictures, "_time_bases", lambda case: None)
    everything = moments(case)
    indices = (999, 0, 13, 300, 599, 600, 601)
    found = list(frames_at(case, [everything[index] for index in indices]))
    assert [Moment(f.epoch, f.pts_ns) for f in found] == sorted(everything[i] for i in indices)
    for frame, index in zip(found, sorted(indices), strict=True):
        assert np.abs(frame.pixels.rgb().astype(int) - level(index)[0]).mean() < 3


def test_seeking_does_not_read_the_whole_source(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the whole source was read")

    monkeypatch.setattr(pictures, "_by_reading", refuse)
    case = Case.open(numbered)
    assert len(list(frames_at(case, moments(case)[::100]))) == 10


def test_a_stamp_that_no_frame_has_is_left_out(numbered: Path) -> None:
    assert list(frames_at(Case.open(numbered), [Moment(0, 1)])) == []
