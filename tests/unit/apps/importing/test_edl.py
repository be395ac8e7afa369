from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import layouts, make_stated, near, round_trip, sayings, some_case

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.errors import SourceError, UsageError

ROUNDING_NS = 2
EVENT = (
    "001  AX       V     C        {} {} 00:00:00:00 00:00:01:00\n* COMMENT: phase: Preparation\n"
)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_an_edit_list_brings_back_the_same_frames(data: st.DataObject) -> None:
    layout = data.draw(layouts())
    said, back = round_trip("edl", layout, data.draw(sayings(layout)))
    assert near(back, said, ROUNDING_NS)


@settings(max_examples=5, deadline=None)
@given(layout=layouts(steady=False, most=1))
def test_a_stream_of_varying_rate_has_no_timecodes(
    layout: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("varying")
    case = make_stated(folder / "case", layout, [])  # type: ignore[arg-type]
    stamps = layout.stretches[0].stamps  # type: ignore[attr-defined]
    if len({b - a for a, b in itertools.pairwise(stamps)}) > 1:
        with pytest.raises(UsageError, match="no constant rate"):
            export(case, "edl", folder / "case.edl")


def test_a_list_at_another_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.edl"
    path.write_text(
        "* FRAMES PER SECOND: 30000/1001\n" + EVENT.format("00:00:00:00", "00:00:00:05")
    )
    with pytest.raises(SourceError, match="another rate"):
        import_annotations(some_case(tmp_path / "case"), path, "edl", by="Dr A")


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("00:00:00:00", "00:00:00:25", "no timecode at the rate"),
        ("00:00:00:05", "00:00:00:05", "ends before"),
        ("00:00:00:00", "01:00:00:00", "outside the case"),
    ],
)
def test_a_timecode_that_is_none_of_the_case_is_refused(
    tmp_path: Path, start: str, end: str, says: str
) -> None:
    path = tmp_path / "bad.edl"
    path.write_text("TITLE: x\n" + EVENT.format(start, end))
    with pytest.raises(SourceError, match=says):
        import_annotations(some_case(tmp_path / "case"), path, "edl", by="Dr A")


def test_drop_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drop.edl"
    path.write_text("FCM: DROP FRAME\n" + EVENT.format("00:00:00:00", "00:00:00:05"))
    with pytest.raises(SourceError, match="skip numbers"):
        import_annotations(
            some_case(tmp_path / "case", base=(Fraction(1001, 30000), 1)), path, "edl", by="Dr A"
        )
