"""The findings as a structured report, and the note as an encapsulated PDF."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.recordings import make_case, write_stamped

from videoengine.apps.export import export
from videoengine.errors import UsageError

pydicom: Any = pytest.importorskip("pydicom", reason="pip install 'videoengine[clinical]'")
pytest.importorskip("highdicom", reason="pip install 'videoengine[clinical]'")
pypdf: Any = pytest.importorskip("pypdf", reason="pip install --group dev")

CODE, TCOORD, IMAGE = "CODE", "TCOORD", "IMAGE"


@pytest.fixture(scope="module")
def report(told_case: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sr") / "findings.dcm"
    export(told_case, "dicom-sr", out)
    return out


@pytest.fixture(scope="module")
def document(told_case: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pdf") / "note.dcm"
    export(told_case, "dicom-pdf", out)
    return out


def items(node: Any) -> Iterator[Any]:
    for item in node.get("ContentSequence", []):
        yield item
        yield from items(item)


def findings(data: Any, heading: str) -> list[tuple[str, list[float]]]:
    """Name and seconds of what stands under a heading."""
    found: list[tuple[str, list[float]]] = []
    for part in data.ContentSequence:
        if part.ConceptNameCodeSequence[0].CodeMeaning == heading:
            for item in part.ContentSequence:
                (at,) = item.ContentSequence
                name = item.ConceptCodeSequence[0].CodeMeaning
                found.append((name, [float(value) for value in at.ReferencedTimeOffsets]))
    return found


def test_phases_stand_as_they_were_settled_once_the_whole_video_was_seen(report: Path) -> None:
    assert findings(pydicom.dcmread(report), "Phase seen") == [
        ("Preparation", [0.0, 3.0]),
        ("CalotTriangleDissection", [3.0, 6.0]),
    ]


def test_instruments_and_actions_are_coded_with_their_stretches(report: Path) -> None:
    data = pydicom.dcmread(report)
    assert findings(data, "Instrument seen") == [("grasper", [1.0, 4.0])]
    assert findings(data, "Action seen") == [("grasper, retract, gallbladder", [2.0, 3.0])]


def test_each_stretch_is_selected_from_the_video_that_dicom_video_writes(
    tmp_path: Path, report: Path
) -> None:
    data = pydicom.dcmread(report)
    stretches = [item for item in items(data) if item.ValueType == TCOORD]
    videos = {
        item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in stretches
    }
    assert len(videos) == 1
    assert {item.ContentSequence[0].RelationshipType for item in stretches} == {"SELECTED FROM"}
    evidence = data.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == data.StudyInstanceUID
    (listed,) = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert {listed.ReferencedSOPInstanceUID} == videos


def test_video_note_and_findings_of_a_case_share_study_but_no_instance(tmp_path: Path) -> None:
    from support.events import event

    clip = write_stamped(tmp_path / "clip.mp4", [512 * index for index in range(50)])
    row = {"name": "depth", "value": 4.5, "unit": "mm", "scale": "mm", "low": None, "high": None}
    measured = event("measurement", 0.5, row, stage="quality")
    case = make_case(tmp_path / "case", clip, extra=[measured])
    read = {}
    for kind in ("dicom-video", "dicom-pdf", "dicom-sr"):
        export(case, kind, tmp_path / f"{kind}.dcm")
        read[kind] = pydicom.dcmread(tmp_path / f"{kind}.dcm")
    assert len({data.StudyInstanceUID for data in read.values()}) == 1
    assert len({data.SeriesInstanceUID for data in read.values()}) == 3
    assert len({data.SOPInstanceUID for data in read.values()}) == 3
    (image,) = (item for item in items(read["dicom-sr"]) if item.ValueType == IMAGE)
    video = image.ReferencedSOPSequence[0]
    assert video.ReferencedSOPInstanceUID == read["dicom-video"].SOPInstanceUID
    assert video.ReferencedSOPClassUID == read["dicom-video"].SOPClassUID
    (number,) = (item for item in items(read["dicom-sr"]) if item.ValueType == "NUM")
    assert float(number.MeasuredValueSequence[0].NumericValue) == 4.5


def test_the_report_says_that_software_observed_and_nobody_verified(report: Path) -> None:
    data = pydicom.dcmread(report)
    assert (data.VerificationFlag, data.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert any(
        item.ValueType == CODE and item.ConceptCodeSequence[0].CodeMeaning == "Device"
        for item in items(data)
    )
    said = [item.TextValue for item in items(data) if item.ValueType == "TEXT"]
    assert "Research use only. Not a medical device." in said


def test_highdicom_reads_its_tree_again(report: Path) -> None:
    from highdicom.sr import ComprehensiveSR

    again = ComprehensiveSR.from_dataset(pydicom.dcmread(report))
    assert sum(item.ValueType == TCOORD for item in items(again)) == 4


def test_a_case_without_findings_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", [512 * index for index in range(50)])
    case = make_case(tmp_path / "case", clip)
    with pytest.raises(UsageError, match="found nothing that a structured report could hold"):
        export(case, "dicom-sr", tmp_path / "out.dcm")
    assert not [path for path in tmp_path.iterdir() if "out.dcm" in path.name]


def test_the_encapsulated_pdf_is_the_pdf_of_the_note(
    tmp_path: Path, told_case: Path, document: Path
) -> None:
    export(told_case, "pdf", tmp_path / "note.pdf")
    data = pydicom.dcmread(document)
    content = data.EncapsulatedDocument[: data.EncapsulatedDocumentLength]
    assert content == (tmp_path / "note.pdf").read_bytes()
    text = pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert "Operation note" in text
    assert data.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert data.ConceptNameCodeSequence[0].CodeValue == "11504-8"
    assert (data.VerificationFlag, data.BurnedInAnnotation) == ("UNVERIFIED", "NO")


@pytest.mark.parametrize("kind", ["report", "document"])
def test_no_date_and_no_identity_stand_in_the_header(
    kind: str, request: pytest.FixtureRequest
) -> None:
    data = pydicom.dcmread(request.getfixturevalue(kind))
    dates = {str(item.value) for item in data.iterall() if item.VR in ("DA", "DT")}
    assert dates <= {"", "None", "19000101"}
    assert (data.PatientName, data.PatientID, data.StudyDate) == ("", "", "")
    assert data.LongitudinalTemporalInformationModified == "REMOVED"


@pytest.mark.parametrize("kind", ["dicom-sr", "dicom-pdf"])
def test_the_same_case_gives_the_same_bytes(kind: str, told_case: Path, tmp_path: Path) -> None:
    for name in ("a.dcm", "b.dcm"):
        export(told_case, kind, tmp_path / name)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_dcmtk_reads_the_report_too(report: Path) -> None:
    dsrdump = shutil.which("dsrdump")
    if dsrdump is None:
        pytest.skip("no dsrdump: apt-get install dcmtk")
    run = subprocess.run([dsrdump, str(report)], capture_output=True, check=True, text=True)
    assert "Comprehensive SR Document" in run.stdout
    assert '<selected from IMAGE:(,,"Source")=(VVe image,)>' in run.stdout
