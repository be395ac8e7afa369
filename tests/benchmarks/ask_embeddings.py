"""Ask, with and without sentence embeddings: paraphrases of three kinds, and what is refused.

Each sentence counts once, however many questions it was filled with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import summary
from numpy.typing import NDArray
from support.paraphrases import (
    SPOKEN,
    UNANSWERABLE,
    UNKNOWABLE,
    Paraphrase,
    paraphrases,
    said_otherwise,
)

from videoengine.apps.evaluate_ask import (
    NOT_OBSERVABLE,
    REFUSING,
    Judged,
    Posed,
    is_right,
    judge,
    posed_of,
)
from videoengine.apps.truth_case import make_asked_case
from videoengine.case import Case
from videoengine.models.metrics.bootstrap import mean_interval
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.conversation import Reply
from videoengine.models.vlm.embeddings import Encoder, open_encoder
from videoengine.models.vlm.findings import Finding
from videoengine.models.vlm.grammar import read, sentences
from videoengine.models.vlm.index import CaseIndex, open_index
from videoengine.models.vlm.intents import Ask, decide
from videoengine.models.vlm.names import Names
from videoengine.models.vlm.paraphrase import AHEAD, NEAR, Paraphrases, ReadAs

NEARS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
AHEADS = (0.0, 0.02, 0.04, 0.06)
AT = "10:00"
"""What fills a time in a sentence that is refused."""
Cases = list[tuple[str, Path, list[Posed]]]
"""Procedure, folder, questions."""


class Remembered:
    """An encoder that embeds each sentence once; with subjects and times put aside, few differ."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        new = [one for one in dict.fromkeys(sentences) if one not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.embed(new), strict=True))
        return np.stack([self._known[one] for one in sentences])


@dataclass(frozen=True, slots=True)
class Marks:
    """What became of one sentence."""

    one: Paraphrase
    answers: tuple[Judged, ...]

    @property
    def right(self) -> float:
        return sum(one.right for one in self.answers) / len(self.answers)

    def share(self, *statuses: str) -> float:
        """Return how much of it came back so, and not right."""
        found = [one.status in statuses and not one.right for one in self.answers]
        return sum(found) / len(found)


def measure(folder: Path, where: str, procedures: dict[str, int], seed: int) -> dict[str, Any]:
    """Return everything that is published about embeddings."""
    began = time.perf_counter()
    encoder = open_encoder(where)
    loaded = time.perf_counter() - began
    reads = Paraphrases(Remembered(encoder))
    cases = made(folder, procedures, seed)
    return {
        "model": Path(where).name,
        "bounds": {"near": NEAR, "ahead": AHEAD},
        "chosen_on": choosing(cases, encoder),
        "paraphrases": compared(cases, paraphrases(), reads),
        "spoken": compared(cases, paraphrases(SPOKEN), reads),
        "unanswerable": refusals(cases, reads),
        "wordings_of_the_simulator": simulated(cases, reads),
        "seconds": latencies(cases[0][1], encoder, loaded),
    }


def made(folder: Path, procedures: dict[str, int], seed: int) -> Cases:
    """Return held-out procedures as cases, with their questions."""
    cases: Cases = []
    for procedure, count in procedures.items():
        for number in range(seed, seed + count):
            case = make_asked_case(procedure, number, folder / f"{procedure}-{number}")
            posed = [posed_of(question.to_json()) for question in case.questions]
            cases.append((procedure, case.path, posed))
    return cases


def marked(cases: Cases, every: Sequence[Paraphrase], reads: Paraphrases | None) -> list[Marks]:
    """Ask every case every sentence; those that could not be posed are left out."""
    found: list[list[Judged]] = [[] for _ in every]
    for _, path, posed in cases:
        said = [(n, q) for n, one in enumerate(every) for q in said_otherwise(one, posed)]
        answers = judge(path, [question for _, question in said], reads)
        for (number, _), answer in zip(said, answers, strict=True):
            found[number].append(answer)
    return [Marks(one, tuple(row)) for one, row in zip(every, found, strict=True) if row]


def compared(cases: Cases, every: Sequence[Paraphrase], reads: Paraphrases) -> dict[str, Any]:
    """Return right answers by the grammar alone and with embeddings, and what changed."""
    alone, both = marked(cases, every, None), marked(cases, every, reads)
    halves: list[tuple[str, Callable[[Marks], bool]]] = [("all", lambda _: True)]
    if any(one.text == every[0].text for one in paraphrases()):
        halves = [
            ("tuned_on", lambda row: not row.one.held_out),
            ("held_out", lambda row: row.one.held_out),
        ]
    result: dict[str, Any] = {}
    for name, wanted in halves:
        result[name] = {
            "grammar": tallied(filter(wanted, alone)),
            "with_embeddings": tallied(filter(wanted, both)),
        }
    result["changed"] = [
        {
            "kind": one.one.kind,
            "text": one.one.text,
            "grammar": round(one.right, 4),
            "with_embeddings": round(other.right, 4),
            "says": next((a.text for a in other.answers if "(Read as" in a.text), ""),
        }
        for one, other in zip(alone, both, strict=True)
        if [(a.status, a.value) for a in one.answers]
        != [(a.status, a.value) for a in other.answers]
    ]
    return result


def tallied(rows: Iterable[Marks]) -> dict[str, Any]:
    """Return right answers, wrong ones and silence, as means over sentences."""
    found = list(rows)
    answerable = [row for row in found if row.one.kind != UNKNOWABLE]
    unknowable = [row for row in found if row.one.kind == UNKNOWABLE]
    return {
        "right": interval([row.right for row in found]),
        "answerable": {
            "right": interval([row.right for row in answerable]),
            "answered_wrongly": interval([row.share("answered") for row in answerable]),
            "not_understood": interval([row.share("not_understood") for row in answerable]),
            "refused": interval([row.share(*REFUSING) for row in answerable]),
        },
        "unknowable": {
            "refused": interval([row.right for row in unknowable]),
            "answered": interval([row.share("answered") for row in unknowable]),
        },
    }


def interval(shares: Sequence[float]) -> dict[str, float]:
    """Return a mean with its interval over sentences."""
    mean = mean_interval(list(shares))
    found = {name: round(getattr(mean, name), 4) for name in ("value", "low", "high")}
    return {**found, "sentences": len(shares)}


def refusals(cases: Cases, reads: Paraphrases) -> dict[str, Any]:
    """Return how many questions without an answer stay without one."""
    every = paraphrases(UNANSWERABLE)
    rows: dict[str, list[Marks]] = {}
    for name, reader in (("grammar", None), ("with_embeddings", reads)):
        answers: list[list[Judged]] = [[] for _ in every]
        for path in operations(cases):
            posed = [Posed(one.kind, one.text, NOT_OBSERVABLE, None, None) for one in every]
            for row, answer in zip(answers, judge(path, posed, reader), strict=True):
                row.append(answer)
        rows[name] = [Marks(one, tuple(row)) for one, row in zip(every, answers, strict=True)]
    result: dict[str, Any] = {}
    for half, held_out in (("tuned_on", False), ("held_out", True)):
        result[half] = {
            name: interval([_unanswered(row) for row in found if row.one.held_out == held_out])
            for name, found in rows.items()
        }
    newly = [
        {"kind": one.one.kind, "text": one.one.text, "says": other.answers[0].text}
        for one, other in zip(rows["grammar"], rows["with_embeddings"], strict=True)
        if _unanswered(other) < _unanswered(one)
    ]
    answered = [row.one.text for row in rows["grammar"] if _unanswered(row) < 1]
    return {**result, "answered_by_the_grammar": answered, "answered_only_with": newly}


def _unanswered(row: Marks) -> float:
    return sum(one.status != "answered" for one in row.answers) / len(row.answers)


def operations(cases: Cases) -> list[Path]:
    """Return the cholecystectomies: what is to be refused names their instruments."""
    return [path for procedure, path, _ in cases if procedure == "cholecystectomy"]


def simulated(cases: Cases, reads: Paraphrases) -> dict[str, Any]:
    """Return what embeddings change where the grammar knows the wording."""
    changed = questions = 0
    for _, path, posed in cases:
        alone, both = judge(path, posed), judge(path, posed, reads)
        questions += len(posed)
        changed += sum(a.text != b.text for a, b in zip(alone, both, strict=True))
    return {"questions": questions, "answers_changed": changed}


def choosing(cases: Cases, encoder: Encoder) -> dict[str, Any]:
    """Return what each bound would read of the tuned halves, were there no grammar.

    The grammar reads all of that half, so that only without it there is something to choose on.
    """
    reads = Paraphrases(Remembered(encoder), near=-1, ahead=-1)
    every = [one for one in paraphrases() if not one.held_out and one.kind != UNKNOWABLE]
    found: list[list[tuple[float, float, bool]]] = [[] for _ in every]
    for _, path, posed in cases:
        with _asked(path) as (index, bus):
            for row, one in zip(found, every, strict=True):
                for question in said_otherwise(one, posed):
                    meant = _meant(index, reads, question.question)
                    right = meant is not None and _right(index, bus, question, meant)
                    row.append((*_bounds(meant), right))
    unanswered = [one for one in paraphrases(UNANSWERABLE) if not one.held_out]
    bad: list[tuple[float, float]] = []
    with _asked(operations(cases)[0]) as (index, _):
        bad += [_bounds(_meant(index, reads, one.text)) for one in unanswered]
    grid = [_row(near, ahead, found, bad) for near in NEARS for ahead in AHEADS]
    return {"sentences": len(every), "refusals": len(bad), "grid": grid}


def _row(
    near: float,
    ahead: float,
    found: Sequence[Sequence[tuple[float, float, bool]]],
    bad: Sequence[tuple[float, float]],
) -> dict[str, Any]:
    rows = [row for row in found if row]
    read_of = [[(n >= near and a >= ahead, right) for n, a, right in row] for row in rows]
    return {
        "near": near,
        "ahead": ahead,
        "right": _mean([[taken and right for taken, right in row] for row in read_of]),
        "wrong": _mean([[taken and not right for taken, right in row] for row in read_of]),
        "refusals_read": sum(n >= near and a >= ahead for n, a in bad),
    }


def _mean(rows: Sequence[Sequence[bool]]) -> float:
    return round(float(np.mean([np.mean(row) for row in rows])), 4)


@contextmanager
def _asked(path: Path) -> Iterator[tuple[CaseIndex, Bus]]:
    with Case.open(path) as case, open_index(case) as index:
        yield index, Bus(index)


def _meant(index: CaseIndex, reads: Paraphrases, question: str) -> ReadAs | None:
    return reads.read(read(" ".join(sentences(question)), Names(index), index.end_ns))


def _bounds(meant: ReadAs | None) -> tuple[float, float]:
    return (-2.0, -2.0) if meant is None else (meant.nearness, meant.ahead)


def _right(index: CaseIndex, bus: Bus, posed: Posed, meant: ReadAs) -> bool:
    call = decide(Ask(meant.reading, index.end_ns))
    outcome = None if call is None else bus.call(call.tool, **call.inputs)
    if not isinstance(outcome, Finding):
        return False
    reply = Reply("", outcome.text, "answered", outcome.value, outcome.unit, (), call)
    return is_right(posed, reply)


def latencies(path: Path, encoder: Encoder, loaded: float) -> dict[str, Any]:
    """Return what reading costs: the model, the first question of a kind, and further ones."""
    texts = [one.text.format(a=AT, b="12:00", noun="a hook", state="in view", name="hook",
                             x="a hook", y="a grasper", a_words=AT, b_words="12:00")
             for one in paraphrases()]  # fmt: skip
    firsts: list[float] = []
    with _asked(path) as (index, _):
        for _ in range(5):
            reads = Paraphrases(encoder)
            began = time.perf_counter()
            _meant(index, reads, texts[0])
            firsts.append(time.perf_counter() - began)
        reads, later = Paraphrases(encoder), list[float]()
        for pass_ in range(2):
            for text in texts:
                began = time.perf_counter()
                _meant(index, reads, text)
                if pass_:
                    later.append(time.perf_counter() - began)
    return {"model": round(loaded, 3), "first_question": summary(firsts), "further": summary(later)}
