from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import (
    layouts,
    make_stated,
    sayings,
    segments_of,
    told,
)

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.apps.verify import verify

KINDS = ("phase", "instrument", "triplet")


@settings(max_examples=15, deadline=None)
@given(data=st.data(), steady=st.booleans())
def test_a_table_brings_back_the_same_segments_to_the_nanosecond(
    data: st.DataObject, steady: bool
) -> None:
    layout = data.draw(layouts(steady=steady))
    said = data.draw(sayings(layout))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = make_stated(folder / "case", layout, said)
        fresh = make_stated(folder / "fresh", layout, [])
        export(case, "csv", folder / "case.csv")
        import_annotations(fresh, folder / "case.csv", "csv", by="Dr A")
        back = told(segments_of(fresh, people=True, kinds=KINDS))
        assert back == told(segments_of(case, people=False, kinds=KINDS))
        verify(fresh)
