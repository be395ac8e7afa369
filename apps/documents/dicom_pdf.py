"""The note's PDF as DICOM Encapsulated PDF Storage, in the study of its video.

Written from DICOM PS3.3 (A.45.1, C.24).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from videoengine.apps.documents.dicom_header import Series, code, dataset, write
from videoengine.apps.documents.export import note_of
from videoengine.apps.documents.outline import word
from videoengine.apps.documents.pdf import pdf
from videoengine.apps.export.request import Request
from videoengine.models.vlm.note.document import Note

PDF_SERIES: Final = Series(
    "note", "1.2.840.10008.5.1.4.1.1.104.1", "DOC", 2, "Operation note as PDF"
)
LONGEST_TITLE: Final = 1024
"""Characters of a Document Title (VR ST)."""


def write_encapsulated(request: Request, out: Path) -> int:
    """Write the note as one DICOM file; returns 1, the document."""
    note = note_of(request)
    content = pdf(note)
    signed = (signature.event for signature in note.signatures)
    made = dataset(request.case, PDF_SERIES, note.sha256, note.state, *signed)
    made.ConversionType = "WSD"
    made.ContentDate = made.ContentTime = made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES" if _is_free_text(note) else "NO"
    made.DocumentTitle = f"{note.title} ({word(note, note.state)})"[:LONGEST_TITLE]
    made.ConceptNameCodeSequence = [code("11504-8", "LN", "Surgical operation note")]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.VerificationFlag = "VERIFIED" if note.state == "signed" else "UNVERIFIED"
    made.EncapsulatedDocumentLength = len(content)
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    write(made, out)
    return 1


def _is_free_text(note: Note) -> bool:
    """Tell whether people wrote something, which may name the patient whatever it should say."""
    return bool(note.signatures) or any(
        statement.event is not None
        for section in note.sections
        for field in section.fields
        for statement in field.statements
    )
