"""The note as a FHIR document: a Bundle that R4 and R4B read, the same for the same note.

Written from HL7 FHIR R4 (4.0.1): Documents, Composition, Provenance, data-absent-reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from videoengine.apps.documents.export import note_of
from videoengine.apps.documents.fhir_parts import (
    LOINC,
    MADE_BY_AI,
    Json,
    Names,
    device,
    element_id,
    measured,
    narrative,
    observed,
    patient,
    people,
    procedure,
    provenance,
)
from videoengine.apps.documents.outline import Outline, Part, outline, printable
from videoengine.apps.export.request import Request
from videoengine.errors import UsageError
from videoengine.models.backbones.extras import require
from videoengine.models.vlm.note.document import Note, NoteSection
from videoengine.timeline import Mark

OPERATION_NOTE: Final[Json] = {
    "coding": [{"system": LOINC, "code": "11504-8", "display": "Surgical operation note"}]
}
UNAVAILABLE: Final[Json] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
            "code": "unavailable",
            "display": "Unavailable",
        }
    ]
}
"""Of a section of which the video cannot know anything, and nobody reported anything."""


def write_document(request: Request, out: Path) -> int:
    """Write the note of a case as a document; returns the number of resources."""
    date = checked_date(request.date)
    bundle = document(
        note_of(request),
        case_id=request.case.manifest.case_id,
        date=date,
        marks=[mark for mark in request.timeline.marks if mark.kind == "measurement"],
    )
    out.write_text(json.dumps(bundle, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(bundle["entry"])


def checked_date(text: str | None) -> str:
    """Return a date that FHIR takes for an instant.

    A document without one breaks invariant bdl-10 of Bundle (`type = 'document' implies
    timestamp.hasValue()`), which the reason for an absent value does not satisfy.

    Raises:
        UsageError: There is none, or it is no date and time with its zone.
    """
    if text is None:
        raise UsageError(
            "A FHIR document needs a date", got="no --date",
            allowed="date, time and zone, as 2026-11-24T10:30:00+01:00",
            remedy="Name an instant that you answer for; the case's own times stay in the case.",
        )  # fmt: skip
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            "A FHIR document is dated by an instant", got=f"--date {text!r}",
            allowed="date, time and zone, as 2026-11-24T10:30:00+01:00",
        )  # fmt: skip
    return at.isoformat(timespec="seconds")


def document(
    note: Note,
    *,
    case_id: str,
    date: str,
    marks: list[Mark] | None = None,
) -> Json:
    """Return the Bundle of a note.

    Args:
        note: What it says.
        case_id: Of the case; the ids of the resources are derived from it.
        date: An instant: when the document was made, by whoever sends it.
        marks: Measurements.

    Raises:
        ModelError: fhir.resources is not installed.
    """
    names = Names(case_id, note)
    page = outline(note)
    made = {section.name: _observed(names, section) for section in note.sections}
    entries = [
        _composition(names, page, made, date),
        patient(names),
        device(names),
        procedure(names),
        *(resource for resources in made.values() for resource in resources),
        *(measured(names, mark) for mark in marks or () if mark.payload["scale"] != "relative"),
        *(provenance(names, section, made[section.name], date) for section in note.sections),
    ]
    bundle: Json = {
        "resourceType": "Bundle",
        "id": names.id("bundle"),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{names.id('document')}"},
        "type": "document",
        "timestamp": date,
        "entry": [
            {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in entries
        ],
    }
    _validate(bundle)
    return bundle


def dangling(bundle: Json) -> set[str]:
    """Return the references that no entry of the Bundle answers."""
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    return {reference for reference in _references(bundle) if reference not in known}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _validate(bundle: Json) -> None:
    """Check against R4B's definitions, and that every reference resolves."""
    model = require("fhir.resources.R4B.bundle", "clinical", "A FHIR document").Bundle
    model.model_validate(bundle)
    missing = dangling(bundle)
    assert not missing, f"references without a resource: {sorted(missing)}"


def _observed(names: Names, section: NoteSection) -> list[Json]:
    return [
        observed(names, section, field, place)
        for field in section.fields
        for place, statement in enumerate(field.statements)
        if statement.status == "observed"
    ]


def _composition(names: Names, page: Outline, made: dict[str, list[Json]], date: str) -> Json:
    note = names.note
    signed = [one for one in note.signatures if one.sha256 == note.sha256]
    attested = [{"mode": "legal", "party": {"display": printable(one.by)}} for one in signed]
    sections = [
        _section(page, section, part, made[section.name])
        for section, part in zip(note.sections, page.parts, strict=True)
    ]
    return {
        "resourceType": "Composition",
        "id": names.id("composition"),
        **({"meta": {"security": [MADE_BY_AI]}} if any(made.values()) else {}),
        "language": note.language,
        "text": narrative(page, None, "generated"),
        "status": "final" if note.state == "signed" else "preliminary",
        "type": OPERATION_NOTE,
        "subject": names.reference("patient"),
        "date": date,
        "author": [names.reference("device")],
        "title": note.title,
        **({"attester": attested} if attested else {}),
        "event": [{"detail": [names.reference("procedure")]}],
        **({"section": sections} if sections else {}),
    }


def _section(page: Outline, section: NoteSection, part: Part, made: list[Json]) -> Json:
    statements = [statement for field in section.fields for statement in field.statements]
    reporters = people(statements)
    code: Json = {"text": section.title}
    if section.loinc is not None:
        code["coding"] = [{"system": LOINC, "code": section.loinc}]
    return {
        "id": element_id(section),
        "title": section.title,
        "code": code,
        **({"author": [{"display": name} for name in reporters]} if reporters else {}),
        "text": narrative(page, part, "additional" if reporters else "generated"),
        **({"entry": [{"reference": f"urn:uuid:{one['id']}"} for one in made]} if made else {}),
        **({} if statements else {"emptyReason": UNAVAILABLE}),
    }
