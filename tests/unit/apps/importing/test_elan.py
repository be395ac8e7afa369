from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import layouts, near, round_trip, sayings, some_case

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.case import Case
from videoengine.errors import SourceError

MS = 1_000_000
BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>'


@settings(max_examples=10, deadline=None)
@given(data=st.data(), steady=st.booleans())
def test_elan_brings_back_the_same_segments_to_the_millisecond(
    data: st.DataObject, steady: bool
) -> None:
    layout = data.draw(layouts(steady=steady))
    said, back = round_trip("elan", layout, data.draw(sayings(layout)))
    assert near(back, said, MS)


def test_a_tier_that_a_person_named_phase_is_read_though_its_type_is_elans_own(
    tmp_path: Path,
) -> None:
    case = some_case(tmp_path / "case")
    path = tmp_path / "own.eaf"
    path.write_text(
        "<ANNOTATION_DOCUMENT><TIME_ORDER>"
        '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="100"/>'
        '<TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="500"/></TIME_ORDER>'
        '<TIER TIER_ID="Phase" LINGUISTIC_TYPE_REF="default-lt"><ANNOTATION>'
        '<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">'
        "<ANNOTATION_VALUE>Preparation</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>"
        "</ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    )
    import_annotations(case, path, "elan", by="Dr A")
    (segment,) = Case.open(case).timeline().of("phase")
    assert (segment.name, segment.start_ns, segment.end_ns) == ("Preparation", 100 * MS, 500 * MS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "DOCTYPE"),
        ("<a>" * 100 + "</a>" * 100, "nested"),
        ("<ANNOTATION_DOCUMENT>", "no XML"),
        ("<eaf/>", "no ELAN file"),
    ],
)
def test_hostile_or_broken_xml_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.eaf"
    path.write_text(text)
    with pytest.raises(SourceError, match=says):
        import_annotations(some_case(tmp_path / "case"), path, "elan", by="Dr A")


def test_the_file_of_a_case_of_another_length_is_refused(tmp_path: Path) -> None:
    export(some_case(tmp_path / "long", frames=40), "elan", tmp_path / "long.eaf")
    with pytest.raises(SourceError, match="another length"):
        import_annotations(some_case(tmp_path / "short"), tmp_path / "long.eaf", "elan", by="Dr A")
