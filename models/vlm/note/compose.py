"""From a log to a note: a pure function; the same log and template give the same bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

from videoengine.canonical import digest
from videoengine.models.vlm.note.corrected import corrected
from videoengine.models.vlm.note.document import (
    Note,
    NoteField,
    NoteSection,
    Signature,
    State,
    Statement,
)
from videoengine.models.vlm.note.findings import Finding
from videoengine.models.vlm.note.interruptions import interruptions, models
from videoengine.models.vlm.note.operation import actions, course, instruments, procedure, video
from videoengine.models.vlm.note.people import Entry, differ, entries, once
from videoengine.models.vlm.note.phrases import Phrases, filled, plain
from videoengine.models.vlm.note.source import NoteLog
from videoengine.models.vlm.note.template import FieldPlan, Template

OTHER: Final = "other"
"""Name of the section of what people report under names that the template does not have."""
EDITED: Final = "edited"
SIGNED: Final = "signed"
"""Fields of the `note` events that say what became of a note."""


def compose(log: NoteLog, template: Template) -> Note:
    """Return the note that a log and a template make."""
    said = findings(log)
    spoken = once(entries(log.spoken))
    writer = _Writer(Phrases(template), log, said, spoken)
    draft = Note(
        title=template.title,
        language=template.language,
        template=template.id,
        procedure=_procedure(said["procedure"], log.given),
        sections=writer.sections(),
        state="draft",
        sha256="",
        signatures=(),
        software=f"videoengine {log.timeline.run.get('version', '')}".strip(),
        trained_on=_trained_on(log),
        disclaimer=template.disclaimer,
        words=dict(template.words),
    )
    sha256 = content_hash(draft)
    state, signatures = _signatures(log, template, sha256)
    return dataclasses.replace(draft, sha256=sha256, state=state, signatures=signatures)


def findings(log: NoteLog) -> dict[str, list[Finding]]:
    """Return everything that a note may say of a log, by the names of `FINDINGS`."""
    return {
        "video": [*video(log)],
        "procedure": [*procedure(log)],
        "phases": [*course(log, "phase")],
        "steps": [*course(log, "step")],
        "instruments": [*instruments(log)],
        "actions": [*actions(log)],
        "interruptions": [*interruptions(log)],
        "models": [*models(log)],
    }


def content_hash(note: Note) -> str:
    """Return the SHA-256 of what a note says, whoever signed it."""
    row = dataclasses.asdict(note)
    for name in ("state", "sha256", "signatures", "words"):
        del row[name]
    return digest(row)


def _procedure(observed: Sequence[Finding], given: str | None) -> str | None:
    """Return the procedure observed last, else the one given."""
    if observed:
        return observed[-1].subject.partition("/")[2]
    return given


def _trained_on(log: NoteLog) -> tuple[str, ...]:
    texts = ((row.get("about") or {}).get("trained_on") for row in log.stages.values())
    return tuple(dict.fromkeys(plain(text) for text in texts if isinstance(text, str)))


def _signatures(
    log: NoteLog, template: Template, sha256: str
) -> tuple[State, tuple[Signature, ...]]:
    """Return the state of a note, and the signatures given under its template."""
    edited = False
    under: dict[str, str] = {}
    given: list[Signature] = []
    for event in log.spoken:
        payload = event.payload
        value: Any = payload.get("value")
        if event.kind == "note" and isinstance(value, dict):
            edited = edited or payload.get("field") == EDITED
            if payload.get("field") == SIGNED:
                under[str(value.get("sha256"))] = str(value.get("template"))
        elif event.kind == "signature":
            given.append(Signature(str(payload.get("by")), str(payload.get("sha256")), event.key))
    mine = tuple(s for s in given if under.get(s.sha256, template.id) == template.id)
    if any(signature.sha256 == sha256 for signature in mine):
        return "signed", mine
    if mine:
        return "outdated", mine
    return ("edited" if edited else "draft"), mine


@dataclasses.dataclass(frozen=True, slots=True)
class _Writer:
    """Fills the fields of a template."""

    phrases: Phrases
    log: NoteLog
    said: dict[str, list[Finding]]
    spoken: list[Entry]

    def sections(self) -> tuple[NoteSection, ...]:
        """Return every section, and one more for what has no place in the template."""
        template = self.phrases.template
        rows = [
            NoteSection(
                section.name,
                section.title,
                section.loinc,
                tuple(self.field(plan) for plan in section.fields),
            )
            for section in template.sections
        ]
        known = {plan.name for plan in template.fields}
        others = dict.fromkeys(e.field for e in self.spoken if e.field not in known)
        if others:
            plans = [FieldPlan(name, plain(name), False, (), None) for name in others]
            fields = tuple(self.field(plan) for plan in plans)
            rows.append(NoteSection(OTHER, template.words["other_reports"], None, fields))
        return tuple(rows)

    def field(self, plan: FieldPlan) -> NoteField:
        """Return one field with everything that is said about it."""
        mine = [entry for entry in self.spoken if entry.field == plan.name]
        statements = [*self.observed(plan, mine), *self.given(plan)]
        statements += corrected(self.log, self.phrases, plan.observed)
        placed = {statement.event for statement in statements}
        statements += [self.reported(entry) for entry in mine if entry.event not in placed]
        kinds = {statement.status for statement in statements}
        return NoteField(
            name=plan.name,
            title=plan.title,
            status="observed" if "observed" in kinds else "reported" if kinds else "not_observable",
            statements=tuple(statements),
            required=plan.required,
            sources=plan.sources,
            differs=differ(e for e in mine if e.subject is None) or _contested(mine),
        )

    def observed(self, plan: FieldPlan, mine: Iterable[Entry]) -> list[Statement]:
        """Return what was observed; where people corrected it, what they say instead."""
        if plan.observed is None:
            return []
        instead: dict[str, list[Entry]] = {}
        for entry in mine:
            if entry.subject is not None:
                instead.setdefault(entry.subject, []).append(entry)
        found: list[Statement] = []
        for finding in self.said[plan.observed]:
            text = self.phrases.say(finding)
            edits = instead.get(finding.subject)
            if edits is None:
                found.append(Statement(text, "observed", finding.rests, subject=finding.subject))
            else:
                found += [self.reported(entry, replaces=text) for entry in edits]
        return found

    def given(self, plan: FieldPlan) -> list[Statement]:
        """Return the procedure that the analysis was started for: said, not observed."""
        if plan.observed != "procedure" or self.log.given is None:
            return []
        words = self.phrases.template.words
        pattern = self.phrases.template.sentences["procedure_given"].other
        term = self.phrases.term("procedure", self.log.given)
        text = filled(pattern, {"procedure": term})
        return [
            Statement(
                text[:1].upper() + text[1:], "reported", by=words["starter"],
                event=self.log.closed.key, subject="procedure/given",
            )
        ]  # fmt: skip

    def reported(self, entry: Entry, *, replaces: str | None = None) -> Statement:
        """Return what a person says, verbatim."""
        text = plain(entry.text) or self.phrases.template.words["struck"]
        return Statement(
            text, "reported", by=plain(entry.by), event=entry.event, subject=entry.subject,
            replaces=replaces,
        )  # fmt: skip


def _contested(mine: Sequence[Entry]) -> bool:
    """Tell whether people put different things in the place of one sentence."""
    subjects = {entry.subject for entry in mine if entry.subject is not None}
    return any(differ(e for e in mine if e.subject == subject) for subject in subjects)
