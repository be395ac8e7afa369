"""The register of export formats, and the one way to run them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.apps.documents.export import (
    write_dicom_pdf,
    write_dicom_sr,
    write_dicom_video,
    write_docx,
    write_fhir,
    write_html,
    write_md,
    write_pdf,
)
from videoengine.apps.export.cholec80 import write_cholec80
from videoengine.apps.export.cholect50 import write_cholect50
from videoengine.apps.export.coco import write_coco
from videoengine.apps.export.cvat import write_cvat
from videoengine.apps.export.edl import write_edl
from videoengine.apps.export.elan import write_elan
from videoengine.apps.export.images import write_frames
from videoengine.apps.export.label_studio import write_label_studio
from videoengine.apps.export.request import Format, Progress, Request
from videoengine.apps.export.tables import write_csv, write_jsonl, write_webvtt
from videoengine.apps.export.target import new_target
from videoengine.apps.export.video import check_container, write_video
from videoengine.case import Case
from videoengine.errors import UsageError, nearest

NOTE: Final = ("template",)
"""What every form of the note can be told."""
FHIR: Final = (*NOTE, "date")
FORMATS: Final[dict[str, Format]] = {
    "jsonl": Format(write_jsonl, "the events, one JSON object a line", "events"),
    "csv": Format(write_csv, "the timeline as a table", "rows"),
    "webvtt": Format(write_webvtt, "the timeline as captions", "cues"),
    "elan": Format(write_elan, "the timeline as ELAN's .eaf", "annotations"),
    "edl": Format(write_edl, "the timeline as a CMX 3600 edit decision list", "events"),
    "coco": Format(write_coco, "the boxes of instruments", "boxes"),
    "cvat": Format(write_cvat, "tracks and tagged frames for CVAT", "annotations", folder=True),
    "label-studio": Format(
        write_label_studio, "a task of regions for Label Studio", "regions", folder=True
    ),
    "cholec80": Format(write_cholec80, "phases and tools as published", "rows", folder=True),
    "cholect50": Format(write_cholect50, "triplets and boxes as published", "seconds"),
    "frames": Format(
        write_frames,
        "JPEG pictures in a folder, gated",
        "pictures",
        folder=True,
        options=("every",),
    ),
    "video": Format(write_video, "H.264 in .mp4 or .mkv, gated", "frames", check=check_container),
    "dicom-video": Format(write_dicom_video, "the gated video as DICOM", "frames"),
    "dicom-pdf": Format(write_dicom_pdf, "the note's PDF as DICOM", "note", options=NOTE),
    "dicom-sr": Format(write_dicom_sr, "the findings as a DICOM report", "findings"),
    "md": Format(write_md, "the note as Markdown", "note", options=NOTE),
    "html": Format(write_html, "the note as a page", "note", options=NOTE),
    "pdf": Format(write_pdf, "the note as PDF", "note", options=NOTE),
    "docx": Format(write_docx, "the note as a Word document", "note", options=NOTE),
    "fhir": Format(write_fhir, "the note as a FHIR R4 document", "resources", options=FHIR),
}
"""Name to format; a later format is one line here."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    out: Path
    to: str
    count: int
    unit: str


def export(
    case: str | Path,
    to: str,
    out: str | Path,
    *,
    source: str | Path | None = None,
    every_ns: int | None = None,
    template: str | Path | None = None,
    date: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a finished case to the new file or folder `out`.

    Args:
        case: The case directory; its newest run has closed.
        to: One of `FORMATS`.
        out: Target; nothing may stand there. It appears whole, or not at all.
        source: Where the recorded source is now, when it moved.
        every_ns: Of `frames`, one picture per this much case time, in nanoseconds.
        template: Of a note: its template, a name or a file.
        date: Of `fhir`, which needs one: the date of the document, ISO 8601.
        progress: Called with (case time, count) after each picture.

    Raises:
        UsageError: Unknown format, or an option that it does not have.
        SourceError: The source is gone, changed or unreadable.
        CaseError: The case is damaged or not finished.
        OutputError: The target exists or cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(
            "No such export format",
            got=repr(to),
            allowed=", ".join(FORMATS),
            remedy=nearest(to, FORMATS),
        )
    chosen = FORMATS[to]
    _refuse_option(to, every=every_ns, template=template, date=date)
    if every_ns is not None and every_ns <= 0:
        raise UsageError("--every must be positive", got=every_ns, allowed="40ms is 0.04s; 1s; 1m")
    opened = Case.open(case)
    target = Path(out)
    named = None if template is None else str(template)
    request = Request(opened, opened.timeline(), target, source, every_ns, progress, named, date)
    if chosen.check is not None:
        chosen.check(request)
    with new_target(target, folder=chosen.folder) as temporary:
        count = chosen.write(request, temporary)
    return Exported(target, to, count, chosen.unit)


def _refuse_option(to: str, **options: object) -> None:
    """Refuse an option that the format does not have."""
    for name, value in options.items():
        if value is not None and name not in FORMATS[to].options:
            able = [other for other, row in FORMATS.items() if name in row.options]
            raise UsageError(
                f"This format has no --{name}", got=f"--{name} with {to}", allowed=", ".join(able)
            )
