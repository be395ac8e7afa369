"""Questions about EndoVis frames: `question|answer` lines, with `|x1, y1, x2, y2` where located.

Bai et al. (2023) and Seenivasan et al. (2022). A box is in pixels, from 1, of 1280x1024.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Box,
    Moment,
    Statement,
    clipped,
    state,
)
from videoengine.models.datasets.label_file import read_text, wrong
from videoengine.payloads import AnswerPayload, QuestionPayload

WIDTH: Final = 1280
HEIGHT: Final = 1024


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One line."""

    question: str
    answer: str
    box: Box | None = None
    """Where the answer is to be seen, if the line says so."""


def read_questions(path: Path) -> list[QuestionAnswer]:
    """Return the lines of a file of questions.

    Raises:
        SourceError: A line is not `question|answer` or `question|answer|x1, y1, x2, y2`.
    """
    found: list[QuestionAnswer] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = [part.strip() for part in line.split("|")]
        if not line.strip():
            continue
        if len(parts) not in (2, 3) or not all(parts[:2]):
            wrong(
                path,
                number,
                "this is no question with its answer",
                got=repr(line[:60]),
                allowed="question|answer, or question|answer|x1, y1, x2, y2",
            )
        box = _box(path, number, parts[2]) if len(parts) == 3 else None
        found.append(QuestionAnswer(parts[0], parts[1], box))
    return found


def _box(path: Path, number: int, text: str) -> Box:
    values = [value.strip() for value in text.split(",")]
    corners = [int(value) for value in values if value.isdecimal() and len(value) <= 6]
    if len(corners) != 4 or len(values) != 4 or corners[2] < corners[0] or corners[3] < corners[1]:
        wrong(path, number, "this is no box", got=repr(text[:60]), allowed="x1, y1, x2, y2")
    left, top, right, bottom = corners
    x, y = (left - 1) / WIDTH, (top - 1) / HEIGHT
    return clipped(x, y, (right - left + 1) / WIDTH, (bottom - top + 1) / HEIGHT)


class QuestionLabels:
    """Questions and answers by the image; an answer's `about` is the key of its question."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Keep where the files lie: the first folder that has one for an image gives it."""
        self._folders = folders

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the questions about this image and their answers."""
        if moment.image is None:
            return NOTHING
        for folder in self._folders:
            path = folder / f"{moment.image.stem}_QA.txt"
            if path.is_file():
                return Annotated(tuple(_stated(read_questions(path))))
        return NOTHING


def _stated(lines: Sequence[QuestionAnswer]) -> list[Statement]:
    found: list[Statement] = []
    for line in lines:
        answer = AnswerPayload(line.answer, "", line.answer, None, "answered")
        found.append(state("question", QuestionPayload(line.question)))
        found.append(state("answer", answer, line.box))
    return found
