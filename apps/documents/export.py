"""What the verb `export` calls for each kind of document.

The writers are imported when they are called: the register of `apps.export` names these functions
whatever is installed, and some of the writers use parts of `apps.export` in their turn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from videoengine.models.vlm.note.document import Note

if TYPE_CHECKING:
    from videoengine.apps.export.request import Request


def note_of(request: Request) -> Note:
    """Return the note of a case in the template that was asked for."""
    from videoengine.apps.note import note

    return note(request.case, template=request.template)


def write_md(request: Request, out: Path) -> int:
    """Write the note as Markdown."""
    from videoengine.models.vlm.note.markdown import to_markdown

    return _text(request, out, to_markdown)


def write_html(request: Request, out: Path) -> int:
    """Write the note as one page."""
    from videoengine.models.vlm.note.html import to_html

    return _text(request, out, to_html)


def write_pdf(request: Request, out: Path) -> int:
    """Write the note as a PDF."""
    from videoengine.apps.documents.pdf import pdf

    out.write_bytes(pdf(note_of(request)))
    return 1


def write_docx(request: Request, out: Path) -> int:
    """Write the note as a Word document."""
    from videoengine.apps.documents.docx import docx

    out.write_bytes(docx(note_of(request)))
    return 1


def write_dicom_video(request: Request, out: Path) -> int:
    """Write the gated video as DICOM; returns the number of frames."""
    from videoengine.apps.documents.dicom_video import write_video

    return write_video(request, out)


def write_fhir(request: Request, out: Path) -> int:
    """Write the note as a FHIR document; returns the number of resources."""
    from videoengine.apps.documents.fhir import write_document

    return write_document(request, out)


def write_dicom_pdf(request: Request, out: Path) -> int:
    """Write the note's PDF as DICOM."""
    from videoengine.apps.documents.dicom_pdf import write_encapsulated

    return write_encapsulated(request, out)


def write_dicom_sr(request: Request, out: Path) -> int:
    """Write the findings as a DICOM structured report; returns how many there are."""
    from videoengine.apps.documents.dicom_sr import write_report

    return write_report(request, out)


def _text(request: Request, out: Path, writer: Callable[[Note], str]) -> int:
    out.write_text(writer(note_of(request)), encoding="utf-8")
    return 1
