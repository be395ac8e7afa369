"""Vocabularies: published terms by number, one TOML file each, ids from 0 in published order."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.errors import UsageError, nearest
from videoengine.payloads import Label

FOLDER: Final = Path(__file__).parent / "vocabularies"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A closed list of terms; an `@N` at the end of its name changes when the list does."""

    name: str
    source: str
    """Where the terms and their order were published."""
    labels: tuple[Label, ...]

    def label(self, term: int | str) -> Label:
        """Return the label with this id or name, or raise with the nearest name."""
        for label in self.labels:
            if term in (label.id, label.name):
                return label
        names = [label.name for label in self.labels]
        raise UsageError(
            f"The vocabulary {self.name} has no such term",
            got=repr(term),
            allowed=f"0 to {len(names) - 1}, or a name of it",
            remedy=nearest(term, names) if isinstance(term, str) else "",
        )


@functools.cache
def vocabularies() -> dict[str, Vocabulary]:
    """Return the vocabularies that ship with videoengine, by name."""
    found: dict[str, Vocabulary] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        row = tomllib.loads(path.read_text("utf-8"))
        labels = tuple(Label(row["name"], i, term) for i, term in enumerate(row["labels"]))
        found[row["name"]] = Vocabulary(row["name"], row["source"], labels)
    return found


def vocabulary(name: str) -> Vocabulary:
    """Return a vocabulary by name, such as `cholec80/phase@1`, or raise with the nearest one."""
    known = vocabularies()
    if name not in known:
        raise UsageError(
            "No such vocabulary",
            got=repr(name),
            allowed=", ".join(known),
            remedy=nearest(name, known),
        )
    return known[name]
