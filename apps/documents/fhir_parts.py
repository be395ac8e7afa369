"""The resources of the FHIR document, as JSON values of R4, which refer to each other by id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from videoengine.apps.documents.ids import derived_uuid
from videoengine.apps.documents.outline import Outline, Part, printable
from videoengine.apps.documents.terms import SNOMED_PROCEDURES
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.note.document import Note, NoteField, NoteSection, Rest, Statement
from videoengine.timeline import Mark

Json = dict[str, Any]

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
SNOMED: Final = "http://snomed.info/sct"
PROCEDURES: Final = "urn:videoengine:vocabulary:videoengine/procedure@1"
FIELDS: Final = "urn:videoengine:note-field"
EVIDENCE: Final = "urn:videoengine:fhir:evidence"
"""Extension: a stretch of case time in seconds, and the keys of the events there."""
ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ELEMENT: Final = "http://hl7.org/fhir/StructureDefinition/targetElement"
ROLES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
MADE_BY_AI: Final[Json] = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""The label that HL7's guide AI Transparency on FHIR gives what a model states."""
MASKED: Final[Json] = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
"""In place of a date or a name that is kept back."""


@dataclass(frozen=True, slots=True)
class Names:
    """The ids of one document's resources: the same note of the same case has the same ids."""

    case_id: str
    note: Note

    def id(self, *parts: str) -> str:
        """Return the id of a resource."""
        note = self.note
        signed = (signature.event for signature in note.signatures)
        return str(
            derived_uuid(self.case_id, "fhir", note.sha256, note.state, *signed, "of", *parts)
        )

    def reference(self, *parts: str) -> Json:
        """Return a reference to a resource of the document."""
        return {"reference": f"urn:uuid:{self.id(*parts)}"}


def patient(names: Names) -> Json:
    """Return the subject, of whom nothing is said."""
    return {"resourceType": "Patient", "id": names.id("patient"), "name": [MASKED]}


def device(names: Names) -> Json:
    """Return the software that wrote the note."""
    note = names.note
    name, _, version = note.software.partition(" ")
    trained = [{"text": f"{note.words['trained_on']}: {text}"} for text in note.trained_on]
    return {
        "resourceType": "Device",
        "id": names.id("device"),
        "status": "active",
        "manufacturer": name,
        "deviceName": [{"name": name, "type": "model-name"}],
        "type": {"text": "Software for the analysis of surgical video"},
        **({"version": [{"value": version}]} if version else {}),
        "note": [{"text": note.disclaimer}, *trained],
    }


def procedure(names: Names) -> Json:
    """Return the procedure; whether it was completed a video does not know, and when stays in."""
    known = names.note.procedure
    coding: list[Json] = []
    if known is not None:
        coding.append({"system": PROCEDURES, "code": known})
    if known in SNOMED_PROCEDURES:
        value, display = SNOMED_PROCEDURES[known]
        coding.append({"system": SNOMED, "code": value, "display": display})
    return {
        "resourceType": "Procedure",
        "id": names.id("procedure"),
        "status": "unknown",
        "code": {"coding": coding, "text": known} if known is not None else MASKED_UNKNOWN,
        "subject": names.reference("patient"),
        "_performedDateTime": MASKED,
    }


MASKED_UNKNOWN: Final[Json] = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
"""Of a procedure that nobody named and no model recognized."""


def observed(names: Names, section: NoteSection, field: NoteField, place: int) -> Json:
    """Return what was observed, with the stretches of video it rests on."""
    statement = field.statements[place]
    return {
        **_observation(names, "statement", section.name, field.name, str(place)),
        "extension": [evidence(rest) for rest in statement.rests],
        "code": {
            "coding": [{"system": FIELDS, "code": field.name, "display": field.title}],
            "text": field.title,
        },
        "valueString": printable(statement.text),
    }


def measured(names: Names, mark: Mark) -> Json:
    """Return a measurement; lengths are stated in millimetres or not at all."""
    payload = mark.payload
    unit = str(payload["unit"])
    known = {"system": UCUM, "code": unit} if unit in ("mm", "s", "%") else {}
    quantity = {"value": float(payload["value"]), **({"unit": unit} if unit else {}), **known}
    rest = Rest(mark.start_ns, mark.end_ns, (mark.key,))
    return {
        **_observation(names, "measurement", mark.key),
        "extension": [evidence(rest)],
        "code": {"text": str(payload["name"])},
        "valueQuantity": quantity,
    }


def _observation(names: Names, *parts: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": names.id(*parts),
        "meta": {"security": [MADE_BY_AI]},
        "status": "final" if names.note.state == "signed" else "preliminary",
        "partOf": [names.reference("procedure")],
        "subject": names.reference("patient"),
        "_effectiveDateTime": MASKED,
        "device": names.reference("device"),
    }


def evidence(rest: Rest) -> Json:
    """Return a stretch of case time as an extension."""

    def at(url: str, case_ns: int) -> Json:
        seconds = round(case_ns / NS_PER_SECOND, 3)
        quantity = {"value": seconds, "unit": "s", "system": UCUM, "code": "s"}
        return {"url": url, "valueQuantity": quantity}

    keys = [{"url": "event", "valueString": key} for key in rest.events]
    ends = [at("start", rest.start_ns), at("end", rest.end_ns)]
    return {"url": EVIDENCE, "extension": [*ends, *keys]}


def provenance(names: Names, section: NoteSection, made: Iterable[Json], date: str) -> Json:
    """Return who says what stands in a section: the software, and people by their names only."""
    statements = [statement for field in section.fields for statement in field.statements]
    seen = any(statement.status == "observed" for statement in statements)
    whole = names.reference("composition")
    place = {"url": ELEMENT, "valueUri": element_id(section)}
    targets = [{"extension": [place], **whole}]
    targets += [{"reference": f"urn:uuid:{resource['id']}"} for resource in made]
    agents = [_agent("author" if seen else "assembler", names.reference("device"))]
    agents += [_agent("informant", {"display": name}) for name in people(statements)]
    sources: list[Json] = [{"role": "source", "what": {"display": "The video of the procedure"}}]
    sources += [
        {
            "role": "source",
            "what": {"identifier": {"system": "urn:videoengine:event", "value": key}},
        }
        for key in (statement.event for statement in statements)
        if key is not None
    ]
    return {
        "resourceType": "Provenance",
        "id": names.id("provenance", section.name),
        **({"meta": {"security": [MADE_BY_AI]}} if seen else {}),
        "target": targets,
        "recorded": date,
        "agent": agents,
        "entity": sources,
    }


def _agent(role: str, who: Json) -> Json:
    return {"type": {"coding": [{"system": ROLES, "code": role}]}, "who": who}


def people(statements: Iterable[Statement]) -> list[str]:
    """Return who reported something, each once."""
    names = (printable(statement.by) for statement in statements if statement.by)
    return list(dict.fromkeys(names))


def element_id(section: NoteSection) -> str:
    """Return the id of a section's element."""
    return f"section-{section.name.replace('_', '-')}"


def narrative(page: Outline, part: Part | None, status: str) -> Json:
    """Return what people read: of one section, or of the document as a whole."""
    if part is None:
        texts = (page.mark, page.disclaimer, *page.notice, *page.signed, *page.origin)
        body = f"<h1>{_x(page.title)}</h1>" + "".join(f"<p>{_x(text)}</p>" for text in texts)
    else:
        rows = "".join(
            f"<tr><th>{_x(row.title if index == 0 else '')}</th>"
            f"<td>{_x(line.text)}</td><td>{_x(line.why)}</td></tr>"
            for row in part.rows
            for index, line in enumerate(row.lines)
        )
        head = "".join(f"<th>{_x(text)}</th>" for text in page.columns)
        table = f"<table><tr>{head}</tr>{rows}</table>" if rows else ""
        body = f"<p>{_x(page.disclaimer)}</p>{table}"
    spoken = f'lang="{page.language}" xml:lang="{page.language}"'
    div = f'<div xmlns="http://www.w3.org/1999/xhtml" {spoken}>{body}</div>'
    return {"status": status, "div": div}


def _x(text: str) -> str:
    return escape(text).replace("\n", "<br/>")
