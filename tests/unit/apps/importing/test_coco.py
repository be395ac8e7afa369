from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import (
    Layout,
    Said,
    Stretch,
    both_ways,
    layouts,
    make_stated,
    near,
    near_boxes,
    sayings,
    some_case,
)

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.case import Case, SourceRecord
from videoengine.errors import SourceError

ROUNDING_NS = 2
BOX_PART = 2e-6
"""Six digits of a pixel, and six in the log."""


def sampled(statements: list[Said], every: int) -> bool:
    """Tell whether an instrument is seen on a frame that is looked at."""
    tools = (one for one in statements if one.kind == "instrument")
    return any(-(-one.first // every) * every <= one.last for one in tools)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), steady=st.booleans(), every=st.sampled_from([1, 5]))
def test_coco_brings_back_the_same_instruments_and_boxes(
    pictures: SourceRecord, data: st.DataObject, steady: bool, every: int
) -> None:
    layout = data.draw(layouts(steady=steady))
    statements = data.draw(
        sayings(layout, boxes=True, tools=(1, 2)).filter(lambda rows: sampled(rows, every))
    )
    said, back = both_ways("coco", layout, statements, ("instrument",), pictures, every)
    assert near(back[0], said[0], ROUNDING_NS)
    assert near_boxes(back[1], said[1], ROUNDING_NS, BOX_PART)


def coco(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "images": [{"id": 1, "width": 64, "height": 48, "file_name": "000000200.jpg"}],
        "categories": [{"id": 1, "name": "grasper"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [16, 12, 32, 24]}],
    }
    return {**whole, **changes}


def bring(folder: Path, text: str) -> Path:
    case = some_case(folder / "case")
    path = folder / "boxes.json"
    path.write_text(text)
    import_annotations(case, path, "coco", by="Dr A")
    return case


def test_an_image_is_placed_by_its_name_and_an_empty_one_shows_no_instrument(
    tmp_path: Path,
) -> None:
    images = [*coco()["images"], {"id": 2, "width": 64, "height": 48, "file_name": "000000400.jpg"}]
    case = bring(tmp_path, json.dumps(coco(images=images)))
    seen, unseen = Case.open(case).events("instrument")
    assert (seen.start_ns, seen.payload["label"]["name"]) == (200_000_000, "grasper")
    assert seen.payload["box"] == [0.25, 0.25, 0.5, 0.5]
    assert (unseen.start_ns, unseen.payload["label"]) == (400_000_000, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "an object is missing"),
        (json.dumps(coco())[:-20], "no JSON"),
        (json.dumps(coco(categories=[{"id": 1, "name": "Lunch"}])), "category is another one"),
        (json.dumps(coco()).replace("000000200", "IMG_1"), "when this image was shown"),
        (json.dumps(coco()).replace("000000200", "999999999"), "outside the case"),
        (json.dumps(coco()).replace("[16,", "[NaN,"), "number"),
        (json.dumps(coco()).replace("[16,", "[1e999,"), "number"),
        (json.dumps(coco()).replace('"width": 64', '"width": 0'), "no size"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_coco_of_the_case_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        bring(tmp_path, text)
    assert len(list(Case.open(tmp_path / "case").events("run"))) == 2


def test_an_instrument_that_nobody_boxed_is_no_empty_image(
    tmp_path: Path, pictures: SourceRecord
) -> None:
    stamps = tuple(512 * at for at in range(26))
    layout = Layout(Fraction(1, 12800), 512, (Stretch(stamps, 0),))
    case = make_stated(tmp_path / "seen", layout, [], source=pictures)
    table = tmp_path / "rows.csv"
    table.write_text("start_seconds,end_seconds,kind,name\n0.2,0.4,instrument,grasper\n")
    import_annotations(case, table, "csv", by="Dr A")
    export(case, "coco", tmp_path / "boxes.json")
    assert json.loads((tmp_path / "boxes.json").read_text())["images"] == []
