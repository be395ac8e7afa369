"""Who states what: stages of models and of people, and which one speaks where one must."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_PEOPLE: Final = re.compile(r"people(?:-([0-9]+))?\.")


def people_stage(number: int, kind: str) -> str:
    """Return the stage of what a person states; people are numbered, their names stay inside."""
    return f"people.{kind}" if number == 1 else f"people-{number}.{kind}"


def person(stage: str) -> int:
    """Return the number of the person a stage belongs to, or 0 when it is no person's."""
    match = _PEOPLE.match(stage)
    return int(match[1] or 1) if match else 0


def chosen_stage(stages: Iterable[str]) -> str:
    """Return the stage that speaks where a file holds one: the newest person's.

    Without people it is what has seen the whole video (`phase.smoothed`), else the model's.
    """
    return max(stages, key=lambda stage: (person(stage), "." in stage, stage))
