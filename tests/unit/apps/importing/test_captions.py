from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import layouts, near, round_trip, sayings, some_case

from videoengine.apps.importing import import_annotations
from videoengine.case import Case
from videoengine.errors import SourceError

MS = 1_000_000


@settings(max_examples=10, deadline=None)
@given(data=st.data(), steady=st.booleans())
def test_captions_bring_back_the_same_segments_to_the_millisecond(
    data: st.DataObject, steady: bool
) -> None:
    layout = data.draw(layouts(steady=steady))
    said, back = round_trip("webvtt", layout, data.draw(sayings(layout)))
    assert near(back, said, MS)


def test_cues_of_people_are_read_with_tags_settings_and_short_times(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    path = tmp_path / "cues.vtt"
    path.write_text(
        "WEBVTT - from a player\n\nintro\n00:00.200 --> 00:00.600 align:start\n"
        "<v Dr A>phase: Preparation</v>\n\n00:00:00.700 --> 00:00:00.800\nHello\n"
    )
    imported = import_annotations(case, path, "webvtt", by="Dr A")
    (segment,) = Case.open(case).timeline().of("phase")
    assert (segment.start_ns, segment.end_ns) == (200 * MS, 600 * MS)
    assert imported.passed_over == {"of kind 'cue'": 1}


@pytest.mark.parametrize("text", ["", "1\n00:00", "WEBVTT\n\n0:0 --> 1\nPhase: Preparation\n"])
def test_what_is_no_webvtt_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cues.vtt"
    path.write_text(text)
    with pytest.raises(SourceError):
        import_annotations(some_case(tmp_path / "case"), path, "webvtt", by="Dr A")
