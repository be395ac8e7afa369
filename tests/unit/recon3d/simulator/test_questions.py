"""Questions: true of the piece, balanced, and not to be answered from their wording."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from support.made_poses import made_poses
from support.small_plan import small_plan, with_polyps

from videoengine.recon3d.simulator.labels import write_plan_labels
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.plan import TICK_NS, Plan
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.question_wording import NOT_OBSERVABLE, WORDINGS
from videoengine.recon3d.simulator.questions import Question, make_questions, write_questions
from videoengine.spoken import spoken

PROCEDURES = ("cholecystectomy", "colonoscopy")
TYPES = {
    "presence", "count", "first_time", "last_time", "order", "overlap", "duration", "next_step",
    "spatial_relation", "size", "not_observable",
}  # fmt: skip
BUDGET_MS = 50.0
"""Of processor time: other work on the machine does not count."""
TICK_S = TICK_NS / 1e9


@cache
def plan_of(procedure: str, seed: int) -> Plan:
    return make_plan(load_procedure(procedure), seed)


@cache
def asked(procedure: str, seed: int) -> tuple[Question, ...]:
    plan = plan_of(procedure, seed)
    return tuple(make_questions(plan, made_poses(plan)))


def of_type(questions: Iterable[Question], kind: str) -> list[Question]:
    return [question for question in questions if question.type == kind]


@pytest.fixture(params=PROCEDURES)
def procedure(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_cholecystectomy_is_asked_a_dozen_questions_of_every_type() -> None:
    for seed in range(5):
        counts = Counter(question.type for question in asked("cholecystectomy", seed))
        assert set(counts) == TYPES
        assert sum(counts.values()) >= 110


def test_the_same_seed_asks_the_same_questions_and_another_others(procedure: str) -> None:
    plan = plan_of(procedure, 3)
    again = make_questions(plan, made_poses(plan))
    assert again == list(asked(procedure, 3))
    assert again != list(asked(procedure, 4))


def test_each_right_answer_comes_equally_often(procedure: str) -> None:
    for seed in range(20):
        questions = asked(procedure, seed)
        for kind in ("presence", "overlap"):
            answers = Counter(q.answer for q in of_type(questions, kind))
            assert answers["yes"] == answers["no"]
        answers = Counter(q.answer for q in of_type(questions, "count"))
        assert len(set(answers.values())) <= 1
        assert set(answers) <= {1, 2, 3}
        for kind in ("order", "spatial_relation"):
            places = Counter(place_of(q) for q in of_type(questions, kind))
            assert places[0] == places[1]
        free = [q for q in of_type(questions, "not_observable") if q.choices is None]
        unknown = sum(1 for question in free if question.answer == NOT_OBSERVABLE)
        assert 2 * unknown == len(free)


def test_the_right_choice_stands_in_every_place_equally_often(procedure: str) -> None:
    for seed in range(20):
        places: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
        for question in asked(procedure, seed):
            if question.choices is not None:
                places[question.type, len(question.choices)][place_of(question)] += 1
        for (_, size), counts in places.items():
            assert [counts[place] for place in range(size)] == [counts[0]] * size


def place_of(question: Question) -> int:
    assert question.choices is not None
    return question.choices.index(str(question.answer))


def test_every_set_of_choices_makes_each_of_them_right_once(procedure: str) -> None:
    for seed in range(10):
        offers: dict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
        for question in of_type(asked(procedure, seed), "next_step"):
            assert question.choices is not None
            members = tuple(sorted(question.choices))
            offers[question.type, members][str(question.answer)] += 1
        for (_, members), right in offers.items():
            assert [right[name] for name in members] == [right[members[0]]] * len(members)


def test_no_question_is_asked_twice_and_ids_are_unique(procedure: str) -> None:
    for seed in range(10):
        questions = asked(procedure, seed)
        assert len({question.id for question in questions}) == len(questions)
        assert len({(question.question, question.choices) for question in questions}) == len(
            questions
        )


def test_questions_in_order_of_their_ids_do_not_tell_the_answers() -> None:
    first = Counter(of_type(asked("cholecystectomy", n), "presence")[0].answer for n in range(60))
    assert 15 <= first["yes"] <= 45


def test_evidence_lies_within_the_piece_and_is_there_for_what_is_seen(procedure: str) -> None:
    for seed in range(10):
        length_ns = plan_of(procedure, seed).ticks * TICK_NS
        for question in asked(procedure, seed):
            content = question.choices is None and question.answer == NOT_OBSERVABLE
            assert bool(question.evidence) != content
            for span in question.evidence:
                assert 0 <= span.start_ns < span.end_ns <= length_ns


def test_all_wordings_of_a_kind_have_the_same_slots() -> None:
    for kind, wordings in WORDINGS.items():
        slots = {tuple(sorted(re.findall(r"\{(\w+)\}", text))) for text in wordings}
        assert len(slots) == 1, kind
        assert len(set(wordings)) >= 2


def test_times_have_the_same_number_of_characters_throughout() -> None:
    for seed in range(5):
        text = " ".join(question.question for question in asked("cholecystectomy", seed))
        assert {len(time) for time in re.findall(r"[\d:]*\d:\d\d", text)} == {5}


# Answers beside the plan, tick by tick, by code that shares nothing with what wrote them.


def shown(plan: Plan, name: str, tick: int) -> int:
    """Return how many instruments of a kind are in view at a tick; any kind when empty."""
    if plan.is_outside(tick):
        return 0
    return sum(
        visit.start <= tick < visit.end and spoken(visit.instrument.name) in (name or visit_name)
        for visit in plan.visits
        for visit_name in [spoken(visit.instrument.name)]
    )


def time_of(text: str) -> int:
    parts = [int(part) for part in text.split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def times_in(question: Question) -> list[int]:
    return [time_of(text) for text in re.findall(r"[\d:]*\d:\d\d", question.question)]


@pytest.mark.parametrize("start_s", [0, 130])
def test_answers_about_instruments_are_true_tick_by_tick(procedure: str, start_s: int) -> None:
    checked: Counter[str] = Counter()
    for seed in range(12):
        plan = plan_of(procedure, seed)
        questions = make_questions(plan, made_poses(plan), start_ns=start_s * 10**9)
        for question in questions:
            ticks = [(start_s + second) * 25 for second in times_in(question)]
            checked[question.type] += check(plan, question, ticks, start_s)
    assert all(checked[kind] >= 5 for kind in ("presence", "duration", "count", "next_step"))


def check(plan: Plan, question: Question, ticks: list[int], start_s: int) -> bool:
    """Assert that an answer is right; return whether it is of a form that is checked here."""
    text, answer = question.question, question.answer
    name = re.search(r"\ban? (?:pair of )?([a-z ]+?) (?:in view|is in view|ever in view)", text)
    if question.type == "presence" and name:
        seen = any(shown(plan, name[1], tick) for tick in range(*ticks))
        assert answer == ("yes" if seen else "no"), text
        return True
    if question.type == "duration" and name:
        seconds = sum(shown(plan, name[1], tick) > 0 for tick in range(*ticks)) * TICK_S
        assert answer == pytest.approx(seconds, abs=0.1), text
        return True
    if question.type == "duration" and len(ticks) == 1:
        span = plan.phase_at(ticks[0])
        assert answer == pytest.approx((span.end - span.start) * TICK_S, abs=0.1)
        return True
    if question.type == "count" and len(ticks) == 1:
        assert answer == shown(plan, "", ticks[0]), text
        return True
    if question.type == "count" and "clips" in text:
        placed = [i.start for i in plan.incidents if i.kind == "clip"]
        assert answer == sum(ticks[0] <= tick < ticks[1] for tick in placed)
        return True
    if question.type == "next_step" and "phase" in text:
        current = plan.phase_at(ticks[0])
        following = plan.phase_at(current.end)
        assert answer == spoken(following.label.name), text
        return True
    if question.type == "next_step" and ("next instrument" in text or "instrument" in text):
        later = sorted((v.start, spoken(v.instrument.name)) for v in plan.visits)
        back = [(o.end, "") for o in plan.outside if o.end > ticks[0]]
        soon = next(((s, n) for s, n in later if s > ticks[0] and not plan.is_outside(s)), None)
        if soon is not None and not any(end <= soon[0] for end, _ in back):
            assert answer == soon[1], text
            return True
    if question.type == "not_observable" and question.choices and answer == NOT_OBSERVABLE:
        assert plan.is_outside(ticks[0])
        return True
    if question.type == "first_time" and not ticks and name:
        first = next(tick for tick in range(start_s * 25, plan.ticks) if shown(plan, name[1], tick))
        assert answer == pytest.approx(first * TICK_S - start_s, abs=0.1)
        return True
    return False


def test_spatial_answers_are_those_of_the_tips() -> None:
    checked = 0
    for seed in range(6):
        plan = plan_of("cholecystectomy", seed)
        poses = made_poses(plan)
        names = {visit.number: spoken(visit.instrument.name) for visit in plan.visits}
        for question in of_type(asked("cholecystectomy", seed), "spatial_relation"):
            (second,) = times_in(question)
            rows = np.flatnonzero(poses.tip_sample == second)
            found = {names[int(poses.tip_track[row])]: poses.tip_px[row] for row in rows}
            deep = {names[int(poses.tip_track[row])]: poses.tip_mm[row] for row in rows}
            assert question.choices is not None
            if "left" in question.choices:
                name = next(name for name in found if name in question.question)
                assert (question.answer == "left") == (found[name][0] < 320)
            elif "left" in question.question:
                assert question.answer == min(question.choices, key=lambda n: found[n][0])
            elif "camera" in question.question:
                nearest = min(question.choices, key=lambda n: float(np.linalg.norm(deep[n])))
                assert question.answer == nearest
            else:
                continue
            checked += 1
    assert checked >= 20


def test_what_the_camera_does_not_catch_is_not_said_to_be_in_view() -> None:
    checked = Counter[object]()
    for seed in range(12):
        plan = plan_of("cholecystectomy", seed)
        poses = made_poses(plan)
        away = (poses.tip_sample // 60) % 2 == 0  # a minute at a time
        poses = replace(poses, tip_seen=~away)
        names = np.array([spoken(plan.visits[t].instrument.name) for t in poses.tip_track])
        for question in of_type(make_questions(plan, poses), "presence"):
            name = re.search(
                r"\ban? (?:pair of )?([a-z]+) (?:is |ever )?in view", question.question
            )
            if name is None:
                continue
            first, last = times_in(question)
            rows = (names == name[1]) & (poses.tip_sample >= first) & (poses.tip_sample < last)
            assert question.answer == ("yes" if poses.tip_seen[rows].any() else "no")
            checked[question.answer, bool((rows & away).any())] += 1
    assert checked["yes", True]
    assert checked["no", True]


def test_without_poses_nothing_is_asked_about_places() -> None:
    questions = make_questions(plan_of("cholecystectomy", 1), None)
    assert not of_type(questions, "spatial_relation")
    assert not of_type(questions, "size")
    assert of_type(make_questions(with_polyps(small_plan()), None), "size")


def test_pieces_of_any_length_are_asked_about_what_they_show() -> None:
    plan = plan_of("cholecystectomy", 2)
    poses = made_poses(plan)
    for start_ns, length_ns in ((0, 40_000_000), (10**9 // 3, 7 * 10**9), (60 * 10**9, 10**11)):
        questions = make_questions(plan, poses, start_ns=start_ns, end_ns=start_ns + length_ns)
        for question in questions:
            assert all(span.end_ns <= length_ns for span in question.evidence)
            assert all(time <= length_ns / 1e9 for time in times_in(question))
            if question.unit == "s":
                assert isinstance(question.answer, float)
                assert 0 <= question.answer <= length_ns / 1e9
    assert len(questions) >= 60


def test_questions_are_written_one_json_a_line(tmp_path: Path) -> None:
    questions = asked("cholecystectomy", 1)
    write_questions(tmp_path / "questions.jsonl", questions)
    rows = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert len(rows) == len(questions)
    keys = ["id", "type", "question", "choices", "answer", "unit", "tolerance", "evidence"]
    for row, question in zip(rows, questions, strict=True):
        assert list(row) == keys
        assert row["answer"] == question.answer
        assert [tuple(span.values()) for span in row["evidence"]] == [
            (span.start_ns, span.end_ns) for span in question.evidence
        ]


@pytest.mark.slow
def test_labels_and_questions_take_less_than_their_share(tmp_path: Path) -> None:
    plans = [plan_of("cholecystectomy", seed) for seed in range(20)]
    poses = [made_poses(plan) for plan in plans]
    spent_ms = []
    for number, (plan, pose) in enumerate(zip(plans, poses, strict=True)):
        began = process_time()
        write_plan_labels(tmp_path / str(number), plan, pose)
        spent_ms.append((process_time() - began) * 1e3)
    print(f"median {np.median(spent_ms):.1f} ms, most {max(spent_ms):.1f} ms")
    assert float(np.median(spent_ms)) < BUDGET_MS


def test_a_piece_knows_only_what_lies_in_it() -> None:
    piece = Piece(with_polyps(small_plan()), start_ns=30 * 10**9, end_ns=92 * 10**9)
    assert [polyp.number for polyp in piece.polyps] == [1, 2]
    assert [polyp.resected_ns for polyp in piece.polyps] == [30 * 10**9, None]
    assert piece.phases[0].span.start_ns == 0
    assert piece.phases[-1].span.end_ns == piece.length_ns
    assert [(span.start_ns, span.end_ns) for span in piece.outside] == [(24 * 10**9, 32 * 10**9)]
