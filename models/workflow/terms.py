"""What a recogniser of a procedure speaks of: its vocabularies, in published order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from videoengine.errors import UsageError, nearest
from videoengine.vocabularies import Vocabulary, vocabulary

STATES: Final = ("in_body", "smoke", "soiling", "polyp")
"""Whole-picture answers of the bundled network, in its order."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The vocabularies of one procedure."""

    procedure: str
    phase: Vocabulary
    instrument: Vocabulary
    verb: Vocabulary
    target: Vocabulary


_NAMES: Final = {
    "cholecystectomy": ("cholec80/phase@1", "cholect50/{}@1"),
    "colonoscopy": ("videoengine/colonoscopy-phase@1", "videoengine/colonoscopy-{}@1"),
}
PROCEDURES: Final = tuple(_NAMES)
"""Procedures that the bundled recognisers cover, in the order of `videoengine/procedure@1`."""


@cache
def terms_of(procedure: str) -> Terms:
    """Return the vocabularies of a procedure, or raise with the nearest name."""
    if procedure not in _NAMES:
        raise UsageError(
            "No recogniser covers this procedure",
            got=repr(procedure),
            allowed=", ".join(_NAMES),
            remedy=nearest(procedure, _NAMES),
        )
    phase, others = _NAMES[procedure]
    instrument, verb, target = (
        vocabulary(others.format(k)) for k in ("instrument", "verb", "target")
    )
    return Terms(procedure, vocabulary(phase), instrument, verb, target)


@dataclass(frozen=True, slots=True)
class Slots:
    """Where a procedure's terms lie among the outputs of a network that covers several.

    One network has the outputs of all procedures side by side, in the order of PROCEDURES.
    """

    instrument: int
    verb: int
    target: int


@cache
def slots_of(procedure: str) -> Slots:
    """Return the first output of each kind that belongs to a procedure."""
    before = [terms_of(name) for name in PROCEDURES[: PROCEDURES.index(procedure)]]
    return Slots(
        sum(len(terms.instrument.labels) for terms in before),
        sum(len(terms.verb.labels) for terms in before),
        sum(len(terms.target.labels) for terms in before),
    )


def outputs() -> tuple[int, int, int]:
    """Return how many instruments, verbs and targets a network of all procedures has."""
    every = [terms_of(name) for name in PROCEDURES]
    return (
        sum(len(terms.instrument.labels) for terms in every),
        sum(len(terms.verb.labels) for terms in every),
        sum(len(terms.target.labels) for terms in every),
    )
