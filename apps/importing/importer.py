"""The register of import formats, and the one way to bring annotations into a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from videoengine.apps.export.frame_grid import shortest_frame_ns
from videoengine.apps.export.spans import spans_of
from videoengine.apps.importing.annotation import Found, Reader, Target
from videoengine.apps.importing.annotation_file import refuse, sha256_of
from videoengine.apps.importing.captions import read_webvtt
from videoengine.apps.importing.cholec80 import read_cholec80
from videoengine.apps.importing.cholect50 import read_cholect50
from videoengine.apps.importing.coco import read_coco
from videoengine.apps.importing.cvat import read_cvat
from videoengine.apps.importing.edl import read_edl
from videoengine.apps.importing.elan import read_elan
from videoengine.apps.importing.import_run import Origin, append_run, earlier_imports
from videoengine.apps.importing.label_studio import read_label_studio
from videoengine.apps.importing.points import points_of
from videoengine.apps.importing.table import read_csv
from videoengine.apps.importing.terms import Terms
from videoengine.case import Case
from videoengine.errors import CaseError, UsageError, nearest

READERS: Final[dict[str, Reader]] = {
    "csv": read_csv,
    "webvtt": read_webvtt,
    "elan": read_elan,
    "edl": read_edl,
    "coco": read_coco,
    "cvat": read_cvat,
    "label-studio": read_label_studio,
    "cholec80": read_cholec80,
    "cholect50": read_cholect50,
}
"""Name to reader; a later format is one line here."""
LONGEST_NAME: Final = 200
FORMULA: Final = ("=", "+", "-", "@")
"""A name that begins so would run in the spreadsheet it is exported to."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    case: Path
    file_format: str
    by: str
    stages: Mapping[str, int]
    """Points by the stage that states them now; empty when the file was imported before."""
    passed_over: Mapping[str, int]
    """What the file holds besides, and how often."""


def import_annotations(
    case: str | Path, file: str | Path, file_format: str, *, by: str
) -> Imported:
    """Bring a person's annotations into a finished case, as a run of its own: whole, or not at all.

    What models stated stays as it is. The same file of the same person a second time adds nothing;
    another file of theirs speaks instead of the earlier one, which stays in the log.

    Args:
        case: The case directory.
        file: File, or folder where the format is one.
        file_format: One of `READERS`.
        by: Who made the annotations.

    Raises:
        UsageError: Unknown format, no name, or a case that the format cannot count frames of.
        SourceError: The file cannot be read, or says what this case cannot hold.
        CaseError: The case is damaged, locked or not finished.
        OutputError: The disk refuses.
    """
    if file_format not in READERS:
        raise UsageError(
            "No such import format",
            got=repr(file_format),
            allowed=", ".join(READERS),
            remedy=nearest(file_format, READERS),
        )
    name = _checked_name(by)
    path = Path(file)
    with Case.open_for_writing(case) as opened:
        origin = Origin(name, file_format, sha256_of(path))
        if any((d.by, d.subject) == (name, origin.subject) for d in earlier_imports(opened)):
            return Imported(opened.path, file_format, name, {}, {})
        target = _target(opened)
        found = READERS[file_format](path, target)
        points = points_of(found, target)
        if not points:
            _refuse_empty(path, found)
        stages = append_run(opened, origin, points)
        return Imported(opened.path, file_format, name, stages, dict(found.passed_over))


def _checked_name(by: str) -> str:
    name = " ".join(by.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name.startswith(FORMULA):
        raise UsageError(
            "--by must name who made the annotations",
            got=repr(by[:LONGEST_NAME]),
            allowed=f"1 to {LONGEST_NAME} printable characters, none of {' '.join(FORMULA)} first",
        )
    return name


def _target(case: Case) -> Target:
    spans = spans_of(case)
    if not spans:
        raise CaseError(
            "The case holds no frame that could be annotated", allowed="a case of a video"
        )
    end_ns = max(span.end_ns for span in spans)
    return Target(case, spans, end_ns, shortest_frame_ns(case), Terms.of(case))


def _refuse_empty(path: Path, found: Found) -> NoReturn:
    left = ", ".join(f"{count} {what}" for what, count in found.passed_over.items())
    refuse(
        path,
        "the file states nothing that can be imported",
        got=left or "nothing at all",
        allowed="procedure, phase, step, instrument or triplet",
    )
