from __future__ import annotations

import json
import re
import zipfile
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import (
    Layout,
    Stretch,
    Told,
    both_ways,
    boxes_of,
    layouts,
    make_stated,
    near,
    near_boxes,
    sayings,
    segments_of,
    some_case,
    told,
)

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.case import Case, SourceRecord
from videoengine.errors import SourceError, UsageError

ROUNDING_NS = 2
BOX_PART = 2e-6
"""Six digits of a pixel, and six in the log."""
FRAME_NS = 40_000_000
META = (
    "<version>1.1</version><meta><task><id>7</id><mode>interpolation</mode>{}"
    "<original_size><width>100</width><height>50</height></original_size></task></meta>"
)
BOX = (
    '<box frame="{}" keyframe="{}" outside="{}" occluded="0" xtl="{}" ytl="10.00" xbr="{}"'
    ' ybr="20.00" z_order="0">{}</box>'
)
TRACK = '<track id="0" label="{}" source="manual">{}</track>'
PHASE = '<attribute name="name">{}</attribute>'
KINDS = ("phase", "instrument", "triplet")


@settings(max_examples=12, deadline=None)
@given(data=st.data(), boxes=st.booleans(), every=st.sampled_from([1, 5]))
def test_cvat_brings_back_the_same_frames_and_boxes(
    pictures: SourceRecord, data: st.DataObject, boxes: bool, every: int
) -> None:
    layout = data.draw(layouts())
    statements = data.draw(sayings(layout, boxes=boxes))
    said, back = both_ways("cvat", layout, statements, source=pictures, every=every)
    assert near(back[0], said[0], ROUNDING_NS)
    assert near_boxes(back[1], said[1], ROUNDING_NS, BOX_PART)


def document(*parts: str, meta: str = "") -> str:
    return f"<annotations>{META.format(meta)}{''.join(parts)}</annotations>"


def bring(folder: Path, text: str, *, frames: int = 25) -> tuple[Path, dict[str, int]]:
    """Bring a file into a case of a second at 25 a second."""
    case = some_case(folder / "case", frames=frames)
    path = folder / "annotations.xml"
    path.write_text(text)
    imported = import_annotations(case, path, "cvat", by="Dr A")
    return case, dict(imported.passed_over)


def heard(case: Path) -> Told:
    return told(segments_of(case, people=True, kinds=KINDS))


def row(number: int, left: int, *, keyframe: int = 1, outside: int = 0, more: str = "") -> str:
    return BOX.format(number, keyframe, outside, left, left + 10, more)


def test_a_track_of_keyframes_is_what_cvat_shows_between_them(tmp_path: Path) -> None:
    track = TRACK.format("grasper", row(2, 10) + row(6, 50) + row(9, 50, outside=1))
    case, _ = bring(tmp_path, document(track))
    found = [(at // FRAME_NS, round(x, 4)) for _, at, _, x, *_ in boxes_of(case)]
    moving = [(2, 0.1), (3, 0.2), (4, 0.3), (5, 0.4), (6, 0.5)]
    assert found == [*moving, (7, 0.5), (8, 0.5)]
    assert heard(case) == [("instrument", "grasper", 0, 2 * FRAME_NS, 9 * FRAME_NS)]


def test_every_frame_that_cvat_writes_out_is_taken_as_it_is(tmp_path: Path) -> None:
    rows = [row(at, 10 + at, keyframe=int(at % 5 == 0)) for at in range(11)]
    case, _ = bring(tmp_path, document(TRACK.format("hook", "".join(rows))))
    boxes = boxes_of(case)
    assert [round(x, 4) for *_, x, _, _, _ in boxes[:11]] == [(10 + at) / 100 for at in range(11)]
    assert len(boxes) == 25  # a track that nobody ended goes on to the end of the video


def test_a_task_of_every_fifth_frame_says_nothing_between(tmp_path: Path) -> None:
    track = TRACK.format("hook", row(0, 10) + row(10, 30) + row(15, 30, outside=1))
    text = document(track, meta="<frame_filter>step=5</frame_filter>")
    case, _ = bring(tmp_path, text)
    assert [at // FRAME_NS for _, at, *_ in boxes_of(case)] == [0, 5, 10]
    assert heard(case) == [("instrument", "hook", 0, 0, 11 * FRAME_NS)]


def test_phases_drawn_as_tracks_are_phases(tmp_path: Path) -> None:
    named = row(0, 0, more=PHASE.format("Preparation")) + row(
        5, 0, outside=1, more=PHASE.format("Preparation")
    )
    bare = row(5, 0) + row(8, 0, outside=1)
    text = document(TRACK.format("phase", named), TRACK.format("ClippingCutting", bare))
    case, _ = bring(tmp_path, text)
    assert heard(case) == [
        ("phase", "Preparation", 0, 0, 5 * FRAME_NS),
        ("phase", "ClippingCutting", 0, 5 * FRAME_NS, 8 * FRAME_NS),
    ]


def test_images_are_placed_by_the_names_that_export_to_frames_gives(tmp_path: Path) -> None:
    images = [
        f'<image id="{at}" name="{number * 40:09d}.jpg" width="100" height="50">'
        f'<tag label="phase" source="manual">{PHASE.format("Preparation")}</tag>'
        '<box label="grasper" occluded="0" xtl="10" ytl="10" xbr="20" ybr="20" z_order="0"></box>'
        "</image>"
        for at, number in enumerate((0, 5, 10, 15))
    ]
    case, _ = bring(tmp_path, document(*images))
    end_ns = 16 * FRAME_NS
    assert heard(case) == [
        ("instrument", "grasper", 0, 0, end_ns),
        ("phase", "Preparation", 0, 0, end_ns),
    ]
    assert {tuple(box) for *_, a, b, c, d in boxes_of(case) for box in [(a, b, c, d)]} == {
        (0.1, 0.2, 0.1, 0.2)
    }


def test_what_is_no_statement_is_counted(tmp_path: Path) -> None:
    image = (
        '<image id="3" name="frame_000003" width="100" height="50">'
        f'<tag label="phase" source="manual">{PHASE.format("__undefined__")}</tag>'
        '<polygon label="grasper" points="1,1;2,2;3,1"></polygon>'
        '<box label="grasper" rotation="30.00" xtl="1" ytl="1" xbr="2" ybr="2"></box></image>'
    )
    track = TRACK.format("grasper", row(2, 10) + row(3, 10, outside=1) + row(26, 10))
    case, passed_over = bring(tmp_path, document(image, track))
    assert passed_over == {
        "labels whose term was not chosen": 1,
        "of shape polygon": 1,
        "boxes that are turned": 1,
        "statements after the last frame that was analyzed": 1,
    }
    assert len(boxes_of(case)) == 1


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotations>&c;</annotations>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>'
OURS = (
    "<videoengine><length_seconds>{}</length_seconds>"
    "<frames_per_second>{}</frames_per_second></videoengine>"
)
GOOD = document(TRACK.format("grasper", row(2, 10) + row(5, 10, outside=1)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "DOCTYPE"),
        (OUTSIDE, "DOCTYPE"),
        ("<annotations>" + "<a>" * 99, "nested"),
        (GOOD[:-30], "no XML"),
        ("<annotations/>", "no file of CVAT"),
        (GOOD.replace("grasper", "Lunch"), "no vocabulary of the case has this label"),
        (GOOD.replace('xtl="10"', 'xtl="nan"'), "corner is no number"),
        (GOOD.replace('xtl="10"', 'xtl="1e9999999"'), "corner is no number"),
        (GOOD.replace('xtl="10"', 'xtl="99999"'), "no corners of a box"),
        (GOOD.replace("<width>100", "<width>0"), "no size"),
        (GOOD.replace('frame="2"', 'frame="-1"'), "number of the frame is wrong"),
        (GOOD.replace('frame="2"', 'frame="999"'), "outside the case"),
        (GOOD.replace('frame="2"', 'frame="2' + "0" * 99 + '"'), "is no number"),
        (GOOD.replace("<task>", OURS.format(9, "25/1") + "<task>"), "another length"),
        (GOOD.replace("<task>", OURS.format(1, "30/1") + "<task>"), "another rate"),
        (document('<image id="0" name="IMG_1.jpg"><tag label="x"/></image>'), "was shown"),
        (document(), "states nothing"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_the_case_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        bring(tmp_path, text)
    assert len(list(Case.open(tmp_path / "case").events("run"))) == 2


def zipped(folder: Path, *names: str, text: str = GOOD) -> Path:
    path = folder / "task.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return path


def test_the_zip_that_cvat_packs_is_read(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    path = zipped(tmp_path, "annotations.xml", "images/frame_000000.PNG")
    import_annotations(case, path, "cvat", by="Dr A")
    assert heard(case) == [("instrument", "grasper", 0, 2 * FRAME_NS, 5 * FRAME_NS)]


def test_a_zip_without_one_file_of_annotations_is_refused(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    for names in (("labels.json",), ("a/annotations.xml", "b/annotations.xml")):
        with pytest.raises(SourceError, match=r"must hold one annotations\.xml"):
            import_annotations(case, zipped(tmp_path, *names), "cvat", by="Dr A")


def test_a_zip_that_is_damaged_or_swells_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = some_case(tmp_path / "case")
    path = zipped(tmp_path, "annotations.xml", text=GOOD + " " * 100_000)
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + b"damaged!" + whole[68:])
    with pytest.raises(SourceError, match="broken"):
        import_annotations(case, path, "cvat", by="Dr A")
    path.write_bytes(whole)
    monkeypatch.setattr("videoengine.apps.importing.annotation_file.LARGEST_BYTES", 50_000)
    with pytest.raises(SourceError, match="too large"):
        import_annotations(case, path, "cvat", by="Dr A")


def test_a_stream_of_varying_rate_has_no_numbers_of_frames(tmp_path: Path) -> None:
    layout = Layout(Fraction(1, 12800), 512, (Stretch((0, 512, 1100, 1600, 2200), 0),))
    with pytest.raises(UsageError, match="no constant rate"):
        export(make_stated(tmp_path / "case", layout, []), "cvat", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_labels_beside_the_file_are_those_it_uses(
    tmp_path: Path, pictures: SourceRecord
) -> None:
    case, _ = bring(tmp_path, GOOD)
    table = tmp_path / "rows.csv"
    table.write_text(
        "start_seconds,end_seconds,kind,name\n0,0.4,phase,Preparation\n"
        '0,0.2,triplet,"hook, dissect, gallbladder"\n0.6,0.8,instrument,hook\n'
    )
    import_annotations(case, table, "csv", by="Dr B")
    export(case, "cvat", tmp_path / "out")
    text = (tmp_path / "out" / "annotations.xml").read_text()
    root = ElementTree.fromstring(text)
    labels = {one["name"]: one for one in json.loads((tmp_path / "out/labels.json").read_text())}
    for used in [*root.iter("tag"), *root.iter("track")]:
        choices = {one["name"]: one["values"] for one in labels[used.attrib["label"]]["attributes"]}
        for chosen in used.iter("attribute"):
            assert chosen.text in choices[chosen.attrib["name"]]
    assert {one.attrib["label"] for one in root.iter("tag")} == {"phase", "triplet", "hook"}
    assert [one.findtext("name") for one in root.iter("label")] == list(labels)
    assert not re.search(rf"Dr [AB]|clip\.mp4|{tmp_path}|20\d\d-", text)
