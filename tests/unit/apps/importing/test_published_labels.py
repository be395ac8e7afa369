from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import layouts, make_stated, sayings

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.apps.verify import verify


def contents(path: Path) -> list[bytes]:
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


@pytest.mark.parametrize("name", ["cholec80", "cholect50"])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_labels_as_published_come_out_of_the_other_case_as_they_went_in(
    name: str, data: st.DataObject
) -> None:
    layout = data.draw(layouts(most=1))
    said = data.draw(sayings(layout, boxes=True).filter(lambda rows: rows[0].first == 0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fresh = make_stated(folder / "fresh", layout, [])
        export(make_stated(folder / "case", layout, said), name, folder / "one")
        import_annotations(fresh, folder / "one", name, by="Dr A")
        verify(fresh)
        export(fresh, name, folder / "two")
        assert contents(folder / "two") == contents(folder / "one")
