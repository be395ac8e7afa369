"""Timelines opened by readers that others wrote."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from support.stated_cases import Layout, Said, Stretch, make_stated, segments_of

from videoengine.apps.export import export
from videoengine.case import SourceRecord
from videoengine.payloads import InstrumentPayload, PhasePayload
from videoengine.vocabularies import vocabulary

MISSING = "pip install --group dev"
LAYOUT = Layout(Fraction(1, 12800), 512, (Stretch(tuple(512 * at for at in range(101)), 0),))


def statements() -> list[Said]:
    phases = vocabulary("cholec80/phase@1").labels
    tools = vocabulary("cholect50/instrument@1").labels
    rows = [(0, 0, 39), (1, 40, 99)]
    said = [
        Said("phase", 0, first, last, PhasePayload(phases[at], {str(at): 1.0}))
        for at, first, last in rows
    ]
    for at, first, last in [(0, 10, 50), (2, 30, 90)]:
        box = (0.125 * (at + 1), 0.25, 0.25, 0.5)
        said.append(Said("instrument", 0, first, last, InstrumentPayload(tools[at], box)))
    return said


@pytest.fixture(scope="module")
def case(pictures: SourceRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case") / "case"
    return make_stated(folder, LAYOUT, statements(), source=pictures)


def stretches(case: Path, unit_ns: int) -> list[tuple[str, int, int]]:
    """Return what the case states: `kind: name`, from and to in a unit of time."""
    segments = segments_of(case, people=False, kinds=("phase", "instrument"))
    return sorted(
        (f"{one.kind}: {one.name}", one.start_ns // unit_ns, one.end_ns // unit_ns)
        for one in segments
    )


def test_opentimelineio_reads_the_frames_of_an_edit_list(case: Path, tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter", reason=MISSING)
    otio: Any = pytest.importorskip("opentimelineio", reason=MISSING)
    export(case, "edl", tmp_path / "case.edl")
    timeline = otio.adapters.read_from_file(str(tmp_path / "case.edl"), rate=25)
    clips = [(clip.name, clip.source_range) for clip in timeline.find_clips()]
    found = [
        (name, span.start_time.value, span.start_time.value + span.duration.value)
        for name, span in clips
    ]
    assert sorted(found) == stretches(case, 40_000_000)


def test_pycocotools_reads_the_boxes_in_pixels(case: Path, tmp_path: Path) -> None:
    coco: Any = pytest.importorskip("pycocotools.coco", reason=MISSING)
    export(case, "coco", tmp_path / "boxes.json")
    read = coco.COCO(str(tmp_path / "boxes.json"))
    names = {row["id"]: row["name"] for row in read.loadCats(read.getCatIds())}
    boxes = {
        (read.loadImgs(row["image_id"])[0]["frame_id"], names[row["category_id"]]): row["bbox"]
        for row in read.loadAnns(read.getAnnIds())
    }
    expected = {(at, "grasper"): [8.0, 12.0, 16.0, 24.0] for at in range(10, 51)}
    expected |= {(at, "hook"): [24.0, 12.0, 16.0, 24.0] for at in range(30, 91)}
    assert boxes == expected
    assert len(read.getImgIds()) == len({frame for frame, _ in expected})


def test_pympi_reads_the_annotations_of_elan(case: Path, tmp_path: Path) -> None:
    elan: Any = pytest.importorskip("pympi.Elan", reason=MISSING)
    export(case, "elan", tmp_path / "case.eaf")
    read = elan.Eaf(str(tmp_path / "case.eaf"))
    found = [
        (f"{tier.partition('@')[0]}: {row[2]}", row[0], row[1])
        for tier in read.get_tier_names()
        if not tier.startswith("privacy")
        for row in read.get_annotation_data_for_tier(tier)
    ]
    assert sorted(found) == stretches(case, 1_000_000)
