"""From the names in a file to terms of our vocabularies: those of the case, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from videoengine.apps.importing.annotation_file import refuse
from videoengine.case import Case
from videoengine.errors import nearest
from videoengine.payloads import InstrumentPayload, Label, PhasePayload, TripletPayload
from videoengine.vocabularies import Vocabulary, vocabularies

ENDINGS: Final = {
    "procedure": ("procedure",),
    "phase": ("phase",),
    "step": ("step",),
    "instrument": ("instrument", "tool"),
    "verb": ("verb",),
    "target": ("target",),
}
"""How the names of the vocabularies of a kind end, before `@`."""
OF_PROCEDURE: Final = {
    "cholecystectomy": (
        "cholec80/phase@1", "cholect50/instrument@1", "cholec80/tool@1", "cholect50/verb@1",
        "cholect50/target@1",
    ),
    "colonoscopy": tuple(
        f"videoengine/colonoscopy-{kind}@1" for kind in ("phase", "instrument", "verb", "target")
    ),
}  # fmt: skip
"""Vocabularies that a procedure is annotated in."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The vocabularies that the annotations of one case may use, by kind."""

    by_kind: dict[str, tuple[Vocabulary, ...]]
    found: dict[tuple[str, str, str | None], Label] = field(
        default_factory=dict[tuple[str, str, str | None], Label], compare=False
    )
    """Names that were looked up before."""

    @classmethod
    def of(cls, case: Case) -> Terms:
        """Return the vocabularies that a case speaks; where it is silent, all that ship."""
        spoken = _spoken(case) | set(OF_PROCEDURE.get(case.manifest.procedure or "", ()))
        by_kind: dict[str, tuple[Vocabulary, ...]] = {}
        for kind, endings in ENDINGS.items():
            every = [v for v in vocabularies().values() if _ending(v.name).endswith(endings)]
            ours = [v for v in every if v.name in spoken]
            # What the instruments of a triplet are called comes before what Cholec80 calls them.
            ours.sort(key=lambda v: _ending(v.name) == "tool")
            by_kind[kind] = tuple(ours or every)
        return cls(by_kind)

    def label(self, kind: str, name: str, place: str, vocabulary: str | None = None) -> Label:
        """Return the term of a kind with this name.

        Raises:
            SourceError: No vocabulary of the case has it, or several have.
        """
        asked = (kind, name, vocabulary)
        if asked not in self.found:
            self.found[asked] = self._look_up(kind, name, place, vocabulary)
        return self.found[asked]

    def _look_up(self, kind: str, name: str, place: str, vocabulary: str | None) -> Label:
        known = self.by_kind[kind]
        if vocabulary is not None:
            known = tuple(v for v in known if v.name == vocabulary) or known
        having = [label for v in known for label in v.labels if label.name == name]
        if having and (len(having) == 1 or len(known) < len(vocabularies_of(kind))):
            return having[0]
        if having:
            refuse(
                place,
                f"several vocabularies have this {kind}, and the case speaks none of them",
                got=repr(name),
                allowed=", ".join(label.vocabulary for label in having),
                remedy="Analyze with --procedure, so that the case has vocabularies.",
            )
        names = [label.name for v in known for label in v.labels]
        refuse(
            place,
            f"no vocabulary of the case has this {kind}",
            got=repr(name),
            allowed=", ".join(names[:12]) + (" …" if len(names) > 12 else ""),
            remedy=nearest(name, names),
        )

    def payload(self, kind: str, name: str, place: str, vocabulary: str | None = None) -> Any:
        """Return the payload that states a name, of a triplet `instrument, verb, target`."""
        if kind == "instrument":
            return InstrumentPayload(self.label(kind, name, place, vocabulary))
        if kind != "triplet":
            label = self.label(kind, name, place, vocabulary)
            return PhasePayload(label, {str(label.id): 1.0})
        parts = [part.strip() for part in name.split(",")]
        if len(parts) != 3:
            refuse(place, "a triplet has three parts", got=repr(name),
                   allowed="instrument, verb, target")  # fmt: skip
        kinds = ("instrument", "verb", "target")
        return TripletPayload(
            *(self.label(part, word, place) for part, word in zip(kinds, parts, strict=True))
        )


def vocabularies_of(kind: str) -> Sequence[Vocabulary]:
    """Return every vocabulary of a kind that ships."""
    return [v for v in vocabularies().values() if _ending(v.name).endswith(ENDINGS[kind])]


def name_of(payload: Any) -> str:
    """Return what the Timeline calls a statement, or an empty string for one of none."""
    if isinstance(payload, TripletPayload):
        return ", ".join(part.name for part in (payload.instrument, payload.verb, payload.target))
    return payload.label.name if payload.label else ""


def _ending(name: str) -> str:
    return name.partition("/")[2].partition("@")[0]


def _spoken(case: Case) -> set[str]:
    """Return the vocabularies of the terms in the log."""
    found: set[str] = set()
    for event in case.events(*(kind for kind in ENDINGS), "triplet", verify=False):
        parts = ("instrument", "verb", "target") if event.kind == "triplet" else ("label",)
        for part in parts:
            label = event.payload.get(part)
            if isinstance(label, dict):
                found.add(str(label.get("vocabulary")))
    return found
