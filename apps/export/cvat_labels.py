"""The labels of a CVAT task: a tag for each kind with its terms to choose from, and instruments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from videoengine.apps.export.choices import choices, names_of
from videoengine.case import Case

TAGGED: Final = ("procedure", "phase", "step")
"""Kinds that are one label each; what holds is its attribute `name`."""
NAME: Final = "name"
PARTS: Final = ("instrument", "verb", "target")
"""Attributes of the label `triplet`."""
UNDEFINED: Final = "__undefined__"
"""CVAT's choice of nothing: what a tag says until somebody chooses."""


@dataclass(frozen=True, slots=True)
class CvatLabel:
    """One label of a task."""

    name: str
    is_tag: bool
    attributes: Mapping[str, Sequence[str]]
    """Values to choose from, by attribute."""

    def raw(self) -> dict[str, Any]:
        """Return it as CVAT's constructor of labels reads it."""
        return {
            "name": self.name,
            "type": self.kind,
            "attributes": [
                {"name": name, "input_type": "select", "mutable": False, "values": list(values),
                 "default_value": values[0]}
                for name, values in self.attributes.items()
            ],
        }  # fmt: skip

    @property
    def kind(self) -> str:
        """What CVAT lets people make of it; instruments are boxes, or tags where nobody boxed."""
        return "tag" if self.is_tag else "any"


def labels_of(case: Case, stated: Mapping[str, Sequence[str]]) -> list[CvatLabel]:
    """Return the labels that a case is annotated with.

    Args:
        case: The case; its terms are offered.
        stated: Names that are stated of each kind.
    """
    labels: list[CvatLabel] = []
    for kind in TAGGED:
        names = names_of(case, kind, stated.get(kind, ()))
        if names:
            labels.append(CvatLabel(kind, True, {NAME: (UNDEFINED, *names)}))
    offered = choices(case)
    rows = [name.split(", ") for name in stated.get("triplet", ())]
    parts = {
        part: [row[at] for row in rows if len(row) == len(PARTS)] for at, part in enumerate(PARTS)
    }
    if rows or all(offered[part] for part in PARTS):
        terms = {part: (UNDEFINED, *names_of(case, part, parts[part])) for part in PARTS}
        labels.append(CvatLabel("triplet", True, terms))
    names = names_of(case, "instrument", stated.get("instrument", ()))
    return [*labels, *(CvatLabel(name, False, {}) for name in names)]
