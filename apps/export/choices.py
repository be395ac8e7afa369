"""The terms that the annotations of one case choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from videoengine.case import Case
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


def vocabularies_of(kind: str) -> list[Vocabulary]:
    """Return every vocabulary of a kind that ships."""
    return [v for v in vocabularies().values() if _ending(v.name).endswith(ENDINGS[kind])]


def choices(case: Case) -> dict[str, tuple[Vocabulary, ...]]:
    """Return the vocabularies of each kind that a case speaks or its procedure is annotated in."""
    spoken = _spoken(case) | set(OF_PROCEDURE.get(case.manifest.procedure or "", ()))
    chosen: dict[str, tuple[Vocabulary, ...]] = {}
    for kind in ENDINGS:
        ours = [v for v in vocabularies_of(kind) if v.name in spoken]
        # What the instruments of a triplet are called comes before what Cholec80 calls them.
        ours.sort(key=lambda v: _ending(v.name) == "tool")
        chosen[kind] = tuple(ours)
    return chosen


def names_of(case: Case, kind: str, stated: Sequence[str]) -> list[str]:
    """Return the terms of a kind that a person may choose: of the vocabularies that are stated.

    Where nothing is stated it is the first that the procedure is annotated in.
    """
    known = choices(case)[kind]
    said = [v for v in known if any(label.name in stated for label in v.labels)]
    offered = [label.name for v in said or known[:1] for label in v.labels]
    return list(dict.fromkeys([*offered, *stated]))


def _ending(name: str) -> str:
    return name.partition("/")[2].partition("@")[0]


def _spoken(case: Case) -> set[str]:
    """Return the vocabularies of the terms in the log."""
    found: set[str] = set()
    for event in case.events(*ENDINGS, "triplet", verify=False):
        parts = ("instrument", "verb", "target") if event.kind == "triplet" else ("label",)
        for part in parts:
            label = event.payload.get(part)
            if isinstance(label, dict):
                found.add(str(label.get("vocabulary")))
    return found
