"""Scores of `ask` on the simulator's questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.paraphrases import UNKNOWABLE, paraphrases, slots_of

from videoengine.apps.cli import run
from videoengine.apps.evaluate_ask import Judged, Posed, judge, posed_of, score
from videoengine.apps.truth_case import AskedCase, make_asked_case
from videoengine.apps.verify import verify


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> AskedCase:
    folder = tmp_path_factory.mktemp("true")
    return make_asked_case("cholecystectomy", 500_000, folder / "case")


def test_a_true_case_is_a_whole_case(true: AskedCase) -> None:
    assert verify(true.path).runs_closed == 1


def test_given_true_events_the_questions_are_answered(true: AskedCase) -> None:
    posed = [posed_of(question.to_json()) for question in true.questions]
    judged = judge(true.path, posed)
    wrong = [(one.posed.question, one.posed.answer, one.value) for one in judged if not one.right]
    assert len(judged) > 100
    assert len(wrong) <= 0.02 * len(judged), wrong


def one(kind: str, *, right: bool, answer: str = "yes", status: str = "answered") -> Judged:
    return Judged(Posed(kind, "?", answer, None, None), "x", status, "", right)


def test_accuracy_is_counted_by_type() -> None:
    scores = score(
        [
            [one("count", right=True), one("order", right=False)],
            [one("count", right=True), one("count", right=False, status="not_observable")],
        ]
    )
    rows = {row.type: (row.questions, row.right) for row in scores.rows}
    assert rows == {"count": (3, 2), "order": (1, 0)}
    assert scores.accuracy.value == pytest.approx(0.5)
    assert scores.answered_refused.value == pytest.approx(0.25)


def test_questions_beyond_the_log_are_counted_apart() -> None:
    beyond = Posed("presence", "Is a bleeding under way?", "no", None, None)
    scores = score([[one("count", right=True), Judged(beyond, None, "not_observable", "", True)]])
    assert (scores.questions, scores.beyond, scores.beyond_refused) == (1, 1, 1)


def test_a_finished_case_is_scored_with_its_questions(
    true: AskedCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.dumps(question.to_json()) for question in true.questions[:20]]
    (tmp_path / "questions.jsonl").write_text("\n".join(rows))
    arguments = ["--case", str(true.path), "--questions", str(tmp_path / "questions.jsonl")]
    assert run(["evaluate", "ask", *arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["questions"] + said["beyond_the_log"]["questions"] == 20


@pytest.mark.parametrize("content", ["not json", '{"type": "count"}', "[]"])
def test_a_file_that_holds_no_questions_is_one_error(
    true: AskedCase, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "q").write_text(content)
    assert (
        run(["evaluate", "ask", "--case", str(true.path), "--questions", str(tmp_path / "q")]) == 3
    )
    assert "that is no question" in capsys.readouterr().err


def test_a_case_without_its_questions_is_a_bad_call(
    true: AskedCase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "ask", "--case", str(true.path)]) == 2
    assert "Each case needs its questions" in capsys.readouterr().err


def test_there_are_two_hundred_paraphrases_and_none_is_a_wording_of_the_simulator() -> None:
    known = paraphrases()
    assert len(known) == len({one.text for one in known}) == 200
    for one in known:
        filled = one.text
        for slot, words in (("noun", "a hook"), ("state", "in view"), ("name", "hook"),
                            ("x", "a hook in view"), ("y", "a grasper in view"),
                            ("a_words", "1 minute"), ("b_words", "2 minutes"),
                            ("a", "01:00"), ("b", "02:00")):  # fmt: skip
            filled = filled.replace(f"{{{slot}}}", words)
        assert slots_of(filled) is None, one.text
        assert "{" not in filled or one.kind == UNKNOWABLE
