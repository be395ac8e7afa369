"""Questions about a simulated procedure, with the answers and the moments that they rest on.

All are made from the plan of what was filmed and from where the tips of the instruments are once
a second; `question_sets` explains how each type is balanced.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.recon3d.simulator import (
    question_next,
    question_space,
    question_states,
    question_times,
    question_unobservable,
)
from videoengine.recon3d.simulator.piece import Piece, Span
from videoengine.recon3d.simulator.plan import Plan
from videoengine.recon3d.simulator.question_course import Course
from videoengine.recon3d.simulator.question_sets import (
    Answer,
    Asked,
    Author,
    collect,
    shuffled,
)
from videoengine.recon3d.simulator.randomness import seeded
from videoengine.recon3d.simulator.truth import Poses

FILE: Final = "questions.jsonl"
PER_TYPE: Final = 12
ATTEMPTS: Final = 60
"""Sets of one type that are tried before fewer questions than `PER_TYPE` are taken."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, its right answer, and where in the piece it is seen."""

    id: str
    type: str
    question: str
    choices: tuple[str, ...] | None
    """What may be answered; the answer is one of them. None: any words or number."""
    answer: Answer
    """Words or a number; times are seconds from the start of the piece."""
    unit: str | None
    tolerance: float | None
    """A number is right when it differs by at most this; None: when it is the same."""
    evidence: tuple[Span, ...]
    """Stretches from the start of the piece; none for what no video shows."""

    def to_json(self) -> dict[str, Any]:
        """Return the line of `questions.jsonl`."""
        return {
            "id": self.id,
            "type": self.type,
            "question": self.question,
            "choices": self.choices,
            "answer": self.answer,
            "unit": self.unit,
            "tolerance": self.tolerance,
            "evidence": [
                {"start_ns": span.start_ns, "end_ns": span.end_ns} for span in self.evidence
            ],
        }


def make_questions(
    plan: Plan, poses: Poses | None, *, start_ns: int = 0, end_ns: int | None = None
) -> list[Question]:
    """Return the questions about a piece of a procedure, type by type.

    Args:
        plan: The procedure.
        poses: Camera and tips at each whole second of the piece; None leaves out where things
            are and how far apart.
        start_ns: Start of the piece in the procedure.
        end_ns: End of the piece, None for that of the procedure.
    """
    course = Course(Piece(plan, start_ns=start_ns, end_ns=end_ns, poses=poses))
    key = seeded(plan.seed).sub("questions")
    made: list[Question] = []
    for kind, author in _authors(course, poses).items():
        draws = key.sub(kind).draws()
        asked = collect(author(course, draws), PER_TYPE, ATTEMPTS)
        for number, one in enumerate(shuffled(asked, draws), start=1):
            made.append(_question(course, kind, number, one))
    return made


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write one line of JSON per question."""
    lines = [
        json.dumps(question.to_json(), separators=(",", ":"), ensure_ascii=False) + "\n"
        for question in questions
    ]
    path.write_text("".join(lines), "utf-8", newline="\n")


def _authors(course: Course, poses: Poses | None) -> dict[str, Author]:
    """Return who writes each type of question."""
    tips = None if poses is None else question_space.tips_of(course, poses)
    return {
        "presence": question_states.presence,
        "count": question_states.count,
        "first_time": question_times.first_time,
        "last_time": question_times.last_time,
        "order": question_times.order,
        "overlap": question_states.overlap,
        "duration": question_times.duration,
        "next_step": question_next.next_step,
        "spatial_relation": question_space.spatial(tips),
        "size": question_space.size(tips),
        "not_observable": question_unobservable.not_observable,
    }


def _question(course: Course, kind: str, number: int, one: Asked) -> Question:
    end_ns = course.piece.length_ns
    return Question(
        id=f"{kind}-{number:03d}",
        type=kind,
        question=one.text,
        choices=one.choices,
        answer=one.answer,
        unit=one.unit,
        tolerance=one.tolerance,
        evidence=tuple(Span(span.start_ns, min(span.end_ns, end_ns)) for span in one.evidence),
    )
