"""The verb `export` with documents: whole or not at all, and clear refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.recordings import make_case, write_stamped

from videoengine.apps.cli import run
from videoengine.apps.export import export
from videoengine.case import Case
from videoengine.errors import CaseError, ModelError, OutputError, UsageError
from videoengine.media_time import Epoch
from videoengine.models.backbones import extras
from videoengine.models.vlm.note.template import load_template, template_names

NOTES = ("md", "html", "pdf", "docx", "fhir", "dicom-pdf")
NEEDS = {
    "pdf": "documents",
    "docx": "documents",
    "fhir": "clinical",
    "dicom-video": "clinical",
    "dicom-pdf": "documents",
    "dicom-sr": "clinical",
}


DATE = "2026-11-24T10:00:00+01:00"


def dated(name: str) -> dict[str, Any]:
    """Return the date that a FHIR document needs."""
    return {"date": DATE} if name == "fhir" else {}


def needs_both_extras() -> None:
    for module in ("reportlab", "docx", "fhir", "pydicom", "highdicom"):
        pytest.importorskip(module, reason="pip install 'videoengine[clinical,documents]'")


@pytest.mark.parametrize("name", NOTES)
def test_every_form_of_the_note_is_written_by_the_verb(
    name: str, told_case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_both_extras()
    out = tmp_path / f"note.{name}"
    arguments = ["export", str(told_case), "--to", name, "--out", str(out), "--json"]
    arguments += ["--date", DATE] if name == "fhir" else []
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["to"] == name
    assert out.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("template", template_names())
def test_the_fonts_of_the_pdf_know_every_letter_of_the_templates_that_ship(
    template: str, told_case: Path, tmp_path: Path
) -> None:
    needs_both_extras()
    pypdf: Any = pytest.importorskip("pypdf", reason="pip install --group dev")
    export(told_case, "pdf", tmp_path / "note.pdf", template=template)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "note.pdf").pages)
    assert load_template(template).disclaimer in text
    assert "[U+" not in text


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_missing_extra_is_named_with_its_command_and_leaves_nothing(
    name: str, told_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "available", lambda module: False)
    with pytest.raises(ModelError, match=rf"pip install 'videoengine\[{NEEDS[name]}\]'"):
        export(told_case, name, tmp_path / "out", **dated(name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*NOTES, "dicom-video", "dicom-sr"])
def test_an_unfinished_case_is_refused(name: str, tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", [512 * index for index in range(10)])
    case = make_case(tmp_path / "case", clip, closed=False)
    with pytest.raises(CaseError, match="has not finished"):
        export(case, name, tmp_path / "out", **dated(name))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", NOTES)
def test_an_unknown_template_is_refused_and_leaves_nothing(
    name: str, told_case: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no such template"):
        export(told_case, name, tmp_path / "out", template="klingon", **dated(name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*NOTES, "dicom-video", "dicom-sr"])
def test_what_stands_at_the_target_is_never_touched(
    name: str, told_case: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export(told_case, name, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("csv", {"template": "en"}, "--template"),
        ("dicom-sr", {"template": "en"}, "--template"),
        ("pdf", {"date": "2026-11-24T10:00:00+00:00"}, "--date"),
        ("pdf", {"every_ns": 1}, "--every"),
    ],
)
def test_an_option_that_a_format_does_not_have_is_refused(
    name: str, options: dict[str, Any], word: str, told_case: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"no {word}"):
        export(told_case, name, tmp_path / "out", **options)


def test_a_fhir_document_without_a_date_is_refused_and_leaves_nothing(
    told_case: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="A FHIR document needs a date"):
        export(told_case, "fhir", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_hour_of_the_procedure_stays_in_the_case(tmp_path: Path) -> None:
    needs_both_extras()
    clip = write_stamped(tmp_path / "clip.mp4", [512 * index for index in range(50)])
    folder = make_case(tmp_path / "case", clip)
    with Case.open_for_writing(folder) as case:
        first = Epoch.from_json(case.manifest.epochs[0])
        case.save_epochs([replace(first, wall_anchor="2026-03-04T08:00:00+00:00")])
    export(folder, "fhir", tmp_path / "note.json", date=DATE)
    text = (tmp_path / "note.json").read_text()
    assert json.loads(text)["timestamp"] == DATE
    assert "2026-03-04" not in text


@pytest.mark.parametrize("name", NOTES)
def test_no_document_names_the_source_its_place_or_the_hour(
    name: str, told_case: Path, tmp_path: Path
) -> None:
    needs_both_extras()
    out = tmp_path / "out"
    export(told_case, name, out, **dated(name))
    content = out.read_bytes()
    secrets = (b"clip.mp4", str(told_case.parent).encode(), b"2026-01-01")
    assert not [secret for secret in secrets if secret in content]
