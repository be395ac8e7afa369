from __future__ import annotations

from pathlib import Path

import pytest

from videoengine.apps.demo import Demo, as_text, compare, demo
from videoengine.case import Case
from videoengine.errors import OutputError
from videoengine.media_time import NS_PER_SECOND
from videoengine.streams.testing import Span


def test_what_is_stated_is_set_beside_the_truth(case: Path) -> None:
    timeline = Case.open(case).timeline()
    spans = [
        Span("smoke", 0.5, 1.0),
        Span("smoke", 0.0, 1.0),
        Span("out_of_body", 2.0, 3.0),
        Span("glare", 1.0, 2.0),
    ]
    rows = compare(timeline, spans)
    assert [round(row.covered, 2) for row in rows[1:]] == [0.48, 1.0, 0.0]
    assert rows[0].covered > 0.9
    assert rows[3].found == ()
    text = as_text(Demo(Path("clip"), Path("case"), Path("report"), 100, 1.0, tuple(rows), ()))
    assert "not found" in text.splitlines()[4]
    assert "Research use only. Not a medical device." in text


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputError, match="exists already"):
        demo(tmp_path)
    assert (tmp_path / "mine").read_text() == "x"


@pytest.mark.slow
def test_the_demo_finds_the_room_and_the_gap(tmp_path: Path) -> None:
    shown = demo(tmp_path / "demo", size=(320, 180))
    assert shown.report.is_file()
    rows = {row.fault: row for row in shown.compared}
    assert rows["gap"].covered == 1.0
    assert rows["out_of_body"].covered > 0.8
    gate = Case.open(shown.case).timeline().gate
    start, end = rows["out_of_body"].start_ns, rows["out_of_body"].end_ns
    frames = range(start, end, NS_PER_SECOND // 25)
    assert not any(gate.allows(0, at) for at in frames)
