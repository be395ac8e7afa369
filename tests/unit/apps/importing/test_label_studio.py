from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import (
    Told,
    both_ways,
    boxes_of,
    layouts,
    near,
    near_boxes,
    sayings,
    segments_of,
    some_case,
    told,
)

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.case import Case
from videoengine.errors import SourceError

ROUNDING_NS = 2
BOX_PART = 2e-6
"""Six digits of a percent, and six in the log."""
FRAME_NS = 40_000_000
KINDS = ("phase", "instrument", "triplet")


@settings(max_examples=12, deadline=None)
@given(data=st.data(), boxes=st.booleans(), every=st.sampled_from([1, 5]))
def test_label_studio_brings_back_the_same_frames_and_boxes(
    data: st.DataObject, boxes: bool, every: int
) -> None:
    layout = data.draw(layouts())
    statements = data.draw(sayings(layout, boxes=boxes))
    said, back = both_ways("label-studio", layout, statements, every=every)
    assert near(back[0], said[0], ROUNDING_NS)
    assert near_boxes(back[1], said[1], ROUNDING_NS, BOX_PART)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_stream_of_varying_rate_comes_back_to_half_a_frame_of_the_stated_rate(
    data: st.DataObject,
) -> None:
    layout = data.draw(layouts(steady=False))
    said, back = both_ways("label-studio", layout, data.draw(sayings(layout)))
    shortest = min(b - a for one in layout.stretches for a, b in itertools.pairwise(one.stamps))
    half_ns = round(shortest * layout.time_base * 10**9 / 2)
    assert near(back[0], said[0], half_ns + ROUNDING_NS)


def region(value: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "a", "from_name": "x", "to_name": "video", "type": kind, "value": value}


def stretch(name: str, start: int, end: int) -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [name]}
    return region(value, "timelinelabels")


def key(frame: int, x: float, **more: Any) -> dict[str, Any]:
    sides = {"x": x, "y": 20, "width": 10, "height": 30, "rotation": 0}
    return {"frame": frame, "enabled": True, "time": frame / 25, **sides, **more}


def track(name: str, *keys: dict[str, Any]) -> dict[str, Any]:
    value = {"framesCount": 25, "duration": 1, "sequence": list(keys), "labels": [name]}
    return region(value, "videorectangle")


def task(*results: dict[str, Any], data: dict[str, Any] | None = None) -> dict[str, Any]:
    stated = {"video": "/data/upload/1/x.mp4", "frame_rate": 25} if data is None else data
    return {"id": 3, "data": stated, "annotations": [{"id": 1, "result": list(results)}]}


def bring(folder: Path, *tasks: Any) -> tuple[Path, dict[str, int]]:
    """Bring an export into a case of a second at 25 a second."""
    case = some_case(folder / "case")
    path = folder / "export.json"
    path.write_text(json.dumps(tasks))
    imported = import_annotations(case, path, "label-studio", by="Dr A")
    return case, dict(imported.passed_over)


def heard(case: Path) -> Told:
    return told(segments_of(case, people=True, kinds=KINDS))


def places(case: Path) -> list[tuple[int, float]]:
    """Return frame, counted from 0, and left side of every box."""
    return [(at // FRAME_NS, round(x, 4)) for _, at, _, x, *_ in boxes_of(case)]


def test_a_region_holds_from_its_first_frame_to_the_end_of_its_last(tmp_path: Path) -> None:
    case, _ = bring(tmp_path, task(stretch("Preparation", 1, 5), stretch("ClippingCutting", 6, 6)))
    assert heard(case) == [
        ("phase", "Preparation", 0, 0, 5 * FRAME_NS),
        ("phase", "ClippingCutting", 0, 5 * FRAME_NS, 6 * FRAME_NS),
    ]


def test_a_track_is_what_label_studio_shows_between_its_keyframes(tmp_path: Path) -> None:
    keys = [key(3, 10), key(5, 30), key(6, 30, enabled=False), key(9, 50), key(10, 50)]
    case, _ = bring(tmp_path, task(track("hook", *keys)))
    begun = [(2, 0.1), (3, 0.2), (4, 0.3), (5, 0.3), (8, 0.5), (9, 0.5)]
    assert places(case) == begun + [(at, 0.5) for at in range(10, 25)]


def test_the_newest_annotation_is_heard_before_predictions(tmp_path: Path) -> None:
    whole = task(stretch("Preparation", 1, 5))
    whole["annotations"].append({"result": [stretch("ClippingCutting", 1, 5)]})
    whole["annotations"].append({"was_cancelled": True, "result": []})
    whole["predictions"] = [{"result": [stretch("CleaningCoagulation", 1, 5)]}]
    case, passed_over = bring(tmp_path, whole)
    assert [row[1] for row in heard(case)] == ["ClippingCutting"]
    assert passed_over == {"older annotations": 1}


def test_what_is_no_statement_is_counted(tmp_path: Path) -> None:
    results = [
        stretch("Preparation", 1, 24),
        stretch("Preparation", 24, 26),
        region({"choices": ["good"]}, "choices"),
        region({"ranges": [{"start": 1, "end": 2}]}, "timelinelabels"),
        track("hook", key(3, 10, rotation=20), key(4, 10, enabled=False)),
    ]
    case, passed_over = bring(tmp_path, task(*results))
    assert passed_over == {
        "of type 'choices'": 1,
        "regions without a label": 1,
        "boxes that are turned": 1,
        "statements after the last frame that was analyzed": 1,
    }
    assert heard(case)[0] == ("phase", "Preparation", 0, 0, 25 * FRAME_NS)
    assert places(case) == [(3, 0.1)]


def test_keyframes_tell_the_rate_where_the_task_does_not(tmp_path: Path) -> None:
    halved = [key(2, 10, time=2 / 12.5), key(4, 10, time=4 / 12.5, enabled=False)]
    case, _ = bring(tmp_path, task(track("hook", *halved), stretch("Preparation", 3, 4), data={}))
    assert ("phase", "Preparation", 0, 4 * FRAME_NS, 8 * FRAME_NS) in heard(case)


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ([], "several tasks, or none"),
        ([task(), task()], "several tasks, or none"),
        ([3], "an object is missing"),
        ([{"data": {}, "label": "x"}], "neither annotations nor predictions"),
        ([task(stretch("Preparation", 1, 2), data={})], "at which rate"),
        ([task(data={"frame_rate": 1e9})], "no rate"),
        ([task(data={"frame_rate": float("nan")})], "is no number"),
        ([task(data={"frame_rate": 25, "length_seconds": "9"})], "another length"),
        ([task(stretch("Lunch", 1, 2))], "no vocabulary of the case has this label"),
        ([task(stretch("Preparation", 5, 2))], "ends before it starts"),
        ([task(stretch("Preparation", 0, 2))], "start is wrong"),
        ([task(stretch("Preparation", 1, 10**30))], "end is wrong"),
        ([task(stretch("Preparation", 1, 999))], "outside the case"),
        ([task(stretch("Preparation", 1, float("inf")))], "is no number"),  # type: ignore[arg-type]
        ([task(region({"timelinelabels": ["Preparation"]}, "timelinelabels"))], "a list"),
        ([task(track("hook", key(2, float("nan"))))], "is no number"),
        ([task(track("hook", key(2, 4000)))], "no corners of a box"),
        ([task(track("hook", {"frame": 2}))], "is no number"),
        ([task()], "states nothing"),
    ],
)
def test_what_is_no_export_of_the_case_is_refused(tmp_path: Path, tasks: Any, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        bring(tmp_path, *tasks)
    assert len(list(Case.open(tmp_path / "case").events("run"))) == 2


def test_the_configuration_beside_the_task_has_every_label_and_control(tmp_path: Path) -> None:
    results = [stretch("Preparation", 1, 5), track("hook", key(3, 10))]
    case, _ = bring(tmp_path, task(*results))
    export(case, "label-studio", tmp_path / "out")
    text = (tmp_path / "out" / "tasks.json").read_text()
    (whole,) = json.loads(text)
    root = ElementTree.fromstring((tmp_path / "out" / "config.xml").read_text())
    controls = {one.attrib["name"]: one for one in root}
    labels = {name: {row.attrib["value"] for row in one} for name, one in controls.items()}
    found = set()
    for made in whole["predictions"][0]["result"]:
        control = controls[made["from_name"]]
        assert control.tag.lower() == made["type"]
        assert control.attrib["toName"] == made["to_name"] == "video"
        holder = "timeline" if made["type"] == "timelinelabels" else "instrument"
        names = made["value"].get("timelinelabels") or made["value"]["labels"]
        assert set(names) <= labels[holder]
        found.update(names)
    assert found == {"Preparation", "hook"}
    video = controls["video"].attrib
    assert whole["data"][video["frameRate"][1:]] == 25
    assert whole["data"][video["value"][1:]] == "video.mp4"
    assert not re.search(rf"Dr A|upload|{tmp_path}|://|20\d\d-", text)
