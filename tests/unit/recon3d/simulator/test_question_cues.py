"""What the wording of questions gives away: a classifier that reads them and never the video."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from support.made_poses import made_poses

from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.question_wording import NOT_OBSERVABLE
from videoengine.recon3d.simulator.questions import Question, make_questions

PROCEDURES = ("cholecystectomy", "colonoscopy")
SEEDS = 150
"""Of each procedure."""
CHANCE_SLACK = 0.02
"""Accuracy above chance that a classifier of about 900 questions of a type may reach by luck."""
LENGTH_SLACK = 0.12
"""Correlation with length that is no cue: one part in 70 of the variance."""
CLOSED = ("presence", "count", "order", "overlap", "next_step", "spatial_relation", "size")
OPEN = ("first_time", "last_time", "duration", "not_observable")


@pytest.fixture(scope="module")
def many() -> list[tuple[int, Question]]:
    return [
        (seed, question)
        for procedure in PROCEDURES
        for seed in range(SEEDS)
        for question in asked(procedure, seed)
    ]


def asked(procedure: str, seed: int) -> list[Question]:
    plan = make_plan(load_procedure(procedure), seed)
    return make_questions(plan, made_poses(plan))


def place_of(question: Question) -> int:
    assert question.choices is not None
    return question.choices.index(str(question.answer))


def words_of(question: Question, *, times: bool) -> set[str]:
    text = question.question.lower()
    return set(re.findall(r"[a-z]+|\d+" if times else r"[a-z]+", text))


def guesses(questions: list[tuple[int, Question]], *, times: bool) -> tuple[float, float]:
    """Train on even seeds, guess on odd ones; return the accuracy and that of chance."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for seed, question in questions:
        if seed % 2 == 0:
            totals[label_of(question)] += 1
            seen[label_of(question)].update(words_of(question, times=times))
    right = chance = count = 0.0
    for seed, question in questions:
        if seed % 2:
            options = options_of(question)
            words = words_of(question, times=times)
            best = max(options, key=lambda label: likelihood(words, seen[label], totals[label]))
            right += best == label_of(question)
            chance += 1 / len(options)
            count += 1
    return right / count, chance / count


def likelihood(words: set[str], seen: Counter[str], total: int) -> float:
    prior = math.log(total + 1)
    return prior + sum(math.log((seen[word] + 0.5) / (total + 1)) for word in words)


def label_of(question: Question) -> str:
    if question.type == "not_observable" and question.choices is None:
        return str(question.answer == NOT_OBSERVABLE)
    if question.type == "size":
        return str(place_of(question))
    return str(question.answer)


def options_of(question: Question) -> tuple[str, ...]:
    if question.type == "size":
        return ("0", "1")
    if question.choices is not None:
        return question.choices
    return ("True", "False") if question.type == "not_observable" else ("1", "2", "3")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*CLOSED, "not_observable"])
def test_words_do_not_tell_the_answer(many: list[tuple[int, Question]], kind: str) -> None:
    questions = [(seed, q) for seed, q in many if q.type == kind and closed(q)]
    accuracy, chance = guesses(questions, times=False)
    timed, _ = guesses(questions, times=True)
    print(f"{kind}: {len(questions)} questions, words {accuracy:.3f}, and times {timed:.3f}, "
          f"chance {chance:.3f}")  # fmt: skip
    assert accuracy <= chance + CHANCE_SLACK


def closed(question: Question) -> bool:
    return question.type in ("count", "not_observable") or question.choices is not None


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*CLOSED, *OPEN])
def test_length_does_not_tell_the_answer(many: list[tuple[int, Question]], kind: str) -> None:
    questions = [question for _, question in many if question.type == kind]
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for question in questions:
        length = len(question.question)
        if question.choices is not None:
            right = len(str(question.answer))
            others = [len(choice) for choice in question.choices if choice != question.answer]
            groups["choice"].append((length, place_of(question) / len(question.choices)))
            groups["right"] += [(right, 1.0), *((other, 0.0) for other in others)]
        elif kind == "not_observable":
            groups["unknown"].append((length, float(question.answer == NOT_OBSERVABLE)))
        else:
            assert not isinstance(question.answer, str)
            what = "polyp" if "polyp found at" in question.question else question.unit
            groups[str(what)].append((length, question.answer))
    for name, pairs in groups.items():
        x, y = np.array(pairs).T
        correlation = 0.0 if x.std() * y.std() == 0 else float(np.corrcoef(x, y)[0, 1])
        print(f"{kind} {name}: {len(pairs)}, {correlation:+.3f}")
        assert abs(correlation) <= LENGTH_SLACK, name
