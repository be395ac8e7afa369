"""Scores of `ask`: the simulator's questions beside what the log of a case answers to them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.apps.truth_case import make_asked_case
from videoengine.case import Case
from videoengine.engine import Progress
from videoengine.errors import SourceError, UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.metrics.bootstrap import Draw, Interval, bootstrap
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.conversation import Conversation, Reply
from videoengine.models.vlm.index import open_index
from videoengine.models.vlm.paraphrase import Paraphrases

NOT_OBSERVABLE: Final = "not observable"
UNSEEN: Final = "not_observable"
REFUSING: Final = ("not_observable", "refused")
BEYOND: Final = re.compile(r"\bbleeding\b|\bto the camera\b")
"""No kind of event states bleedings or depth."""
SIZE: Final = "size"
"""The type that asks for lengths, which no stage of the engine states."""
FIELDS: Final = ("type", "question", "answer", "choices", "unit", "tolerance")


@dataclass(frozen=True, slots=True)
class Posed:
    """A question with its right answer."""

    type: str
    question: str
    answer: str | float
    choices: tuple[str, ...] | None
    tolerance: float | None

    @property
    def beyond(self) -> bool:
        """Whether it asks for what no event kind states."""
        return self.type == SIZE or BEYOND.search(self.question) is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, and what was answered."""

    posed: Posed
    value: Any
    status: str
    text: str
    right: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One type of question."""

    type: str
    questions: int
    right: int
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class AskScores:
    """How well a number of cases answered."""

    cases: int
    questions: int
    accuracy: Interval
    """Of all types together; intervals are drawn over cases."""
    rows: tuple[Row, ...]
    unseen: int
    """Questions that no video can answer."""
    unseen_refused: Interval
    answered_refused: Interval
    """Questions that have an answer and were refused all the same."""
    beyond: int
    """Questions about bleedings, depth and lengths: left out of the accuracy."""
    beyond_refused: int
    wrong: tuple[Judged, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "cases": self.cases,
            "questions": self.questions,
            "accuracy": _plain(self.accuracy),
            "types": {
                row.type: {
                    "questions": row.questions,
                    "right": row.right,
                    "accuracy": _plain(row.accuracy),
                }
                for row in self.rows
            },
            "not_observable_refused": {
                "questions": self.unseen,
                "rate": _plain(self.unseen_refused),
            },
            "answerable_refused": _plain(self.answered_refused),
            "beyond_the_log": {"questions": self.beyond, "refused": self.beyond_refused},
            "wrong": [
                {
                    "type": one.posed.type,
                    "question": one.posed.question,
                    "expected": one.posed.answer,
                    "status": one.status,
                    "value": one.value,
                    "text": one.text,
                }
                for one in self.wrong
            ],
        }


def _plain(interval: Interval) -> dict[str, float]:
    return {name: round(getattr(interval, name), 4) for name in ("value", "low", "high")}


def is_right(posed: Posed, reply: Reply) -> bool:
    """Tell whether a reply is the right answer, as the question file defines it."""
    if posed.beyond:
        return reply.status in REFUSING
    if posed.answer == NOT_OBSERVABLE:
        return reply.status in REFUSING
    if reply.status != "answered":
        return False
    if posed.tolerance is not None:
        given, wanted = reply.value, float(posed.answer)
        return isinstance(given, int | float) and abs(given - wanted) <= posed.tolerance
    return str(reply.value) == str(posed.answer)


def judge(
    case: str | Path, posed: Iterable[Posed], paraphrases: Paraphrases | None = None
) -> list[Judged]:
    """Ask a case each question on its own; nothing is logged."""
    found: list[Judged] = []
    with Case.open(case) as opened, open_index(opened) as index:
        bus = Bus(index)
        for one in posed:
            reply = Conversation(index, bus, paraphrases).ask(one.question)
            right = is_right(one, reply)
            found.append(Judged(one, reply.value, reply.status, reply.text, right))
    return found


def judge_true(
    procedure: str, seeds: Sequence[int], *, progress: Progress | None = None
) -> list[list[Judged]]:
    """Judge the answers given the true events of simulated procedures, one list a seed."""
    judged: list[list[Judged]] = []
    passed_ns = 0
    with tempfile.TemporaryDirectory(prefix="videoengine-ask-") as folder:
        for number, seed in enumerate(seeds, start=1):
            made = make_asked_case(procedure, seed, Path(folder) / str(seed))
            rows = [question.to_json() for question in made.questions]
            judged.append(judge(made.path, map(posed_of, rows)))
            passed_ns += 60 * NS_PER_SECOND
            if progress is not None:
                progress(passed_ns, number)
    return judged


def read_questions(path: str | Path) -> list[Posed]:
    """Read a `questions.jsonl` of the simulator.

    Raises:
        SourceError: It cannot be read, or a line is no question.
    """
    place = Path(path)
    try:
        lines = place.read_text("utf-8").splitlines()
        return [posed_of(json.loads(line)) for line in lines if line.strip()]
    except OSError as error:
        raise SourceError(f"{place} cannot be read", got=error.strerror) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{place} holds a line that is no question",
            got=type(error).__name__,
            allowed=f"the questions.jsonl of `videoengine simulate`, with {', '.join(FIELDS)}",
        ) from error


def posed_of(row: dict[str, Any]) -> Posed:
    """Return the question of a line of `questions.jsonl`."""
    choices = row["choices"]
    return Posed(
        str(row["type"]),
        str(row["question"]),
        row["answer"],
        None if choices is None else tuple(choices),
        row["tolerance"],
    )


def evaluate_cases(cases: Sequence[str], questions: Sequence[str]) -> AskScores:
    """Score finished cases, each with its file of questions."""
    if not cases or len(cases) != len(questions):
        raise UsageError(
            "Each case needs its questions",
            got=f"{len(cases)} cases and {len(questions)} files",
            allowed="as many --questions as --case, in the same order",
        )
    return score(
        [judge(case, read_questions(path)) for case, path in zip(cases, questions, strict=True)]
    )


def score(judged: Sequence[Sequence[Judged]]) -> AskScores:
    """Add up what was judged, one list a case."""
    counted = [[one for one in case if not one.posed.beyond] for case in judged]
    beyond = [one for case in judged for one in case if one.posed.beyond]
    types = dict.fromkeys(one.posed.type for case in counted for one in case)
    unseen = [[o for o in case if o.posed.answer == NOT_OBSERVABLE] for case in counted]
    seen = [[o for o in case if o.posed.answer != NOT_OBSERVABLE] for case in counted]
    rows = [
        _row(kind, [[one for one in case if one.posed.type == kind] for case in counted])
        for kind in types
    ]
    return AskScores(
        cases=len(judged),
        questions=sum(map(len, counted)),
        accuracy=_rate([[one.right for one in case] for case in counted]),
        rows=tuple(rows),
        unseen=sum(map(len, unseen)),
        unseen_refused=_rate([[one.right for one in case] for case in unseen]),
        answered_refused=_rate([[one.status in REFUSING for one in case] for case in seen]),
        beyond=len(beyond),
        beyond_refused=sum(one.right for one in beyond),
        wrong=tuple(one for case in judged for one in case if not one.right),
    )


def _row(kind: str, cases: list[list[Judged]]) -> Row:
    marks = [[one.right for one in case] for case in cases]
    return Row(kind, sum(map(len, marks)), sum(map(sum, marks)), _rate(marks))


def _rate(cases: list[list[bool]]) -> Interval:
    """Return the share of marks that hold, drawn over cases."""
    held, every = [sum(marks) for marks in cases], [len(marks) for marks in cases]

    def share(draw: Draw) -> float:
        total = sum(every[place] for place in draw)
        return sum(held[place] for place in draw) / total if total else float("nan")

    return bootstrap(share, len(cases), resamples=2000)


def as_text(scores: AskScores, most: int = 20) -> str:
    """Return the scores as lines for people."""
    lines = [
        f"{'type':18} {'questions':>9} {'right':>6} {'accuracy':>9}  interval over cases",
        *(
            f"{row.type:18} {row.questions:9d} {row.right:6d} {_said(row.accuracy)}"
            for row in scores.rows
        ),
        f"{'all':18} {scores.questions:9d} {'':6} {_said(scores.accuracy)}",
        "",
        f"not observable, refused     {_said(scores.unseen_refused)} of {scores.unseen}",
        f"answerable, refused         {_said(scores.answered_refused)}",
        f"beyond the log (bleedings, depth, lengths), refused: "
        f"{scores.beyond_refused} of {scores.beyond}; not in the accuracy",
    ]
    for one in scores.wrong[:most]:
        lines.append(
            f"wrong  {one.posed.question}  expected {one.posed.answer}; "
            f"{one.status}: {one.value if one.value is not None else one.text}"
        )
    if len(scores.wrong) > most:
        lines.append(f"and {len(scores.wrong) - most} more wrong ones: --json lists them all")
    return "\n".join(lines)


def _said(rate: Interval) -> str:
    return f"{rate.value:9.4f}  {rate.low:.4f} to {rate.high:.4f}"
