"""What the checker hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videoengine.models.vlm.findings import Support, Unknown

Verdict = Literal["supported", "contradicted", "unsupported"]
Identity = Literal["this", "other", "unnamed"]
"""Of which case a text says that it speaks."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the log says to one claim."""

    verdict: Verdict
    says: str
    """What the log says, or why nothing can be said."""
    supports: tuple[Support, ...] = ()
    """Of what the log decides: never empty."""
    by: tuple[str, ...] = ()
    """Of what people report: who says it."""
    reports: tuple[str, ...] = ()
    """Keys of these reports."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One claim of a text, and the verdict."""

    start: int
    """Place of its first character in the text."""
    end: int
    """Place behind its last character."""
    text: str
    ruling: Ruling

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.ruling.verdict


@dataclass(frozen=True, slots=True)
class Checked:
    """A text, claim by claim."""

    identity: Identity
    claims: tuple[Judged, ...]

    def count(self, verdict: Verdict) -> int:
        """Return how many claims have a verdict."""
        return sum(claim.verdict == verdict for claim in self.claims)


def unsupported(why: str) -> Ruling:
    """Return that nothing speaks for a claim."""
    return Ruling("unsupported", why)


def unknown(outcome: Unknown) -> Ruling:
    """Return a claim about what the log does not know."""
    return unsupported(outcome.text)


def decided(holds: bool, says: str, supports: tuple[Support, ...]) -> Ruling:
    """Return a claim that the log decides."""
    return Ruling("supported" if holds else "contradicted", says, supports)
