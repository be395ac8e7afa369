"""The numbers by which a written note points at its evidence, the same in every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from videoengine.media_time import clock
from videoengine.models.vlm.note.document import Note, Rest

KEY_DIGITS: Final = 12
MOST_RESTS: Final = 8
"""Stretches written out for one statement; all of them stand in the JSON."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one statement rests on."""

    number: int
    rests: tuple[Rest, ...]

    def lines(self) -> list[str]:
        """Return stretches and short keys of their events."""
        return [
            f"{clock(rest.start_ns, milliseconds=True)}–{clock(rest.end_ns, milliseconds=True)}: "
            + ", ".join(key[:KEY_DIGITS] for key in rest.events)
            for rest in self.rests[:MOST_RESTS]
        ]

    @property
    def more(self) -> int:
        """How many stretches are not written out."""
        return max(0, len(self.rests) - MOST_RESTS)


def evidence_of(note: Note) -> dict[tuple[str, int], Evidence]:
    """Return the evidence of every observed statement, by field and place in it."""
    found: dict[tuple[str, int], Evidence] = {}
    for section in note.sections:
        for field in section.fields:
            for place, statement in enumerate(field.statements):
                if statement.rests:
                    found[field.name, place] = Evidence(len(found) + 1, statement.rests)
    return found
