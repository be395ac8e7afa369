"""From the names in a file to terms of our vocabularies: those of the case, and no others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from videoengine.apps.export.choices import ENDINGS, choices, vocabularies_of
from videoengine.apps.importing.annotation_file import refuse
from videoengine.case import Case
from videoengine.errors import nearest
from videoengine.payloads import InstrumentPayload, Label, PhasePayload, TripletPayload
from videoengine.vocabularies import Vocabulary

PLAIN: Final = ("phase", "step", "instrument", "procedure")
"""Kinds that one term names, in the order they are tried where a file names no kind."""
PARTS: Final = ("instrument", "verb", "target")


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
        known = choices(case)
        return cls({kind: known[kind] or tuple(vocabularies_of(kind)) for kind in ENDINGS})

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
        return TripletPayload(
            *(self.label(part, word, place) for part, word in zip(PARTS, parts, strict=True))
        )

    def kind_of(self, name: str, place: str) -> str:
        """Return the kind that a name is a term of, for files that name no kinds.

        Raises:
            SourceError: It is a term of none.
        """
        for kind in PLAIN:
            if any(label.name == name for known in self.by_kind[kind] for label in known.labels):
                return kind
        if name.count(",") == len(PARTS) - 1:
            return "triplet"
        names = [label.name for kind in PLAIN for v in self.by_kind[kind] for label in v.labels]
        refuse(
            place,
            "no vocabulary of the case has this label",
            got=repr(name),
            allowed=", ".join(names[:12]) + (" …" if len(names) > 12 else ""),
            remedy=nearest(name, names),
        )


def name_of(payload: Any) -> str:
    """Return what the Timeline calls a statement, or an empty string for one of none."""
    if isinstance(payload, TripletPayload):
        return ", ".join(part.name for part in (payload.instrument, payload.verb, payload.target))
    return payload.label.name if payload.label else ""
