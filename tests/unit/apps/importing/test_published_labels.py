from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import Layout, Said, epochs_of, layouts, make_stated, sayings

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.apps.verify import verify
from videoengine.media_time import ns_from_pts

SLOW_FRAMES = ((Fraction(1, 12800), 4096), (Fraction(1, 90000), 18018), (Fraction(1, 1000), 250))
"""Three to five frames a second, so that a case of few frames lasts long."""


def contents(path: Path) -> list[bytes]:
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


@pytest.mark.parametrize("name", ["cholec80", "cholect50"])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), steady=st.booleans(), every=st.sampled_from([1, 4]))
def test_labels_as_published_come_out_of_the_other_case_as_they_went_in(
    name: str, data: st.DataObject, steady: bool, every: int
) -> None:
    layout = data.draw(layouts(steady=steady, bases=SLOW_FRAMES, frames=60))
    said = data.draw(sayings(layout, boxes=True))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fresh = make_stated(folder / "fresh", layout, [])
        export(make_stated(folder / "case", layout, said, every=every), name, folder / "one")
        import_annotations(fresh, folder / "one", name, by="Dr A")
        verify(fresh)
        export(fresh, name, folder / "two")
        assert contents(folder / "two") == contents(folder / "one")


def phases_at_25(layout: Layout, said: list[Said]) -> dict[int, str]:
    """Return the phase of each frame at 25 a second, worked out from what was said."""
    rows: dict[int, str] = {}
    for one in said:
        if one.kind == "phase":
            stamps = layout.stretches[one.stretch].stamps
            start, end = (
                epochs_of(layout)[one.stretch].case_ns(ns_from_pts(tick, layout.time_base))
                for tick in (stamps[one.first], stamps[one.last + 1])
            )
            numbers = range(-(-start // 40_000_000), -(-end // 40_000_000))
            name: str = one.payload.label.name
            rows.update((number, name) for number in numbers)
    return rows


@settings(max_examples=10, deadline=None)
@given(data=st.data(), steady=st.booleans())
def test_cholec80_has_the_phase_of_every_twenty_fifth_of_a_second(
    data: st.DataObject, steady: bool
) -> None:
    layout = data.draw(layouts(steady=steady, bases=SLOW_FRAMES, frames=60))
    said = data.draw(sayings(layout))
    with tempfile.TemporaryDirectory() as place:
        export(make_stated(Path(place) / "case", layout, said), "cholec80", Path(place) / "one")
        (path,) = Path(place).rglob("*-phase.txt")
        rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    found = {int(number): name for number, name in rows}
    expected = phases_at_25(layout, said)
    assert {number: found.get(number) for number in expected} == expected
