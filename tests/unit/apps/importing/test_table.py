from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import layouts, round_trip, sayings, some_case

from videoengine.apps.importing import import_annotations
from videoengine.case import Case
from videoengine.errors import SourceError

HEAD = "start_seconds,end_seconds,kind,name\n"


@settings(max_examples=10, deadline=None)
@given(data=st.data(), steady=st.booleans())
def test_a_table_brings_back_the_same_segments_to_the_nanosecond(
    data: st.DataObject, steady: bool
) -> None:
    layout = data.draw(layouts(steady=steady))
    said, back = round_trip("csv", layout, data.draw(sayings(layout)))
    assert back == said


def write(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(HEAD + text, "utf-8")
    return path


def test_a_row_whose_seconds_were_edited_is_taken_at_its_seconds(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    path = tmp_path / "rows.csv"
    path.write_text(
        "start_seconds,end_seconds,kind,name,epoch,start_stamp,end_stamp,time_base\n"
        "0.240,0.800,phase,Preparation,0,512,10240,1/12800\n"
    )
    import_annotations(case, path, "csv", by="Dr A")
    (segment,) = Case.open(case).timeline().of("phase")
    assert (segment.start_ns, segment.end_ns) == (240_000_000, 800_000_000)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0,0.5,phase,Preperation\n", "Did you mean 'Preparation'"),
        ("0,99,phase,Preparation\n", "outside the case"),
        ("0.5,0.2,phase,Preparation\n", "ends before it starts"),
        ("0,nan,phase,Preparation\n", "end_seconds is no number"),
        ("0,0.5,phase,=cmd|' /C calc'!A0\n", "no vocabulary of the case"),
        ("0,0.5,triplet,grasper\n", "three parts"),
        ("0,0.5,phase\n", "another length"),
        ('0,0.5,phase,"Prep\n', "broken"),
        ("", "states nothing"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused_and_nothing_is_written(
    tmp_path: Path, row: str, says: str
) -> None:
    case = some_case(tmp_path / "case")
    before = (case / "events.jsonl").read_bytes()
    good = "0,0.4,phase,Preparation\n" if row else ""
    with pytest.raises(SourceError, match=says):
        import_annotations(case, write(tmp_path, good + row), "csv", by="Dr A")
    assert (case / "events.jsonl").read_bytes() == before
