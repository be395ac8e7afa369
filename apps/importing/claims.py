"""What a timeline file claims, before it is decided which of its stages is heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from videoengine.apps.export.speakers import chosen_stage, people_stage
from videoengine.apps.importing.annotation import KINDS, Found, Stated, Target

OWN: Final = people_stage(10**6, "own")
"""Whose a claim without a stage is: the person's who brings the file, before all of the log."""
SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Claim:
    """One stretch of a file."""

    kind: str
    stage: str
    """As the file names it, or `OWN`."""
    name: str
    start_ns: int
    """Case time."""
    end_ns: int
    """Case time."""
    place: str


def heard(claims: Iterable[Claim], target: Target, *, slack_ns: int) -> Found:
    """Return the claims of one stage of each kind as statements; the others are counted.

    Raises:
        SourceError: A claim names what is in no vocabulary of the case.
    """
    rows = list(claims)
    found = Found(slack_ns)
    stages: dict[str, set[str]] = {}
    for claim in rows:
        stages.setdefault(claim.kind, set()).add(claim.stage)
    chosen = {kind: chosen_stage(names) for kind, names in stages.items()}
    for claim in rows:
        if claim.kind not in KINDS:
            found.passed_over[f"of kind {claim.kind[:SHOWN]!r}"] += 1
        elif claim.stage != chosen[claim.kind]:
            found.passed_over[f"of {claim.stage[:SHOWN]!r}, another stage"] += 1
        else:
            payload = target.terms.payload(claim.kind, claim.name, claim.place)
            found.stated.append(
                Stated(claim.kind, payload, claim.start_ns, claim.end_ns, claim.place)
            )
    return found
