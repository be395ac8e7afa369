"""`ask`: what is printed, what is logged, what is shown, and what goes wrong clearly."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import pytest
from support.ask_cases import make_case, two_minutes

from videoengine.apps.ask import Asking, ask
from videoengine.apps.cli import run
from videoengine.apps.importing import import_annotations
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import CaseError
from videoengine.events import event_from_json

QUESTION = "When is the hook first in view?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_case(tmp_path_factory.mktemp("ask") / "case", two_minutes())


@pytest.fixture
def operation(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "operation")
    return tmp_path / "operation"


def test_a_question_and_its_answer_are_logged(operation: Path) -> None:
    answer = ask(operation, QUESTION)
    asked, answered = list(Case.open(operation).events("question", "answer"))
    assert asked.payload == {"text": QUESTION}
    assert answered.payload == answer.payload()
    assert answered.payload["about"] == asked.key
    assert (asked.stage, answered.stage) == ("ask", "ask")


def test_a_logged_answer_names_the_stamps_and_events_it_rests_on(operation: Path) -> None:
    answer = ask(operation, QUESTION)
    (logged,) = Case.open(operation).events("answer")
    keys = {event.key: event for event in Case.open(operation).events("instrument")}
    (row,) = logged.evidence
    first = keys[row["events"][0]]
    assert (row["start_ns"], first.payload["label"]["name"]) == (first.start_ns, "hook")
    assert tuple(row["events"]) == answer.evidence[0].events


def test_a_case_that_was_asked_is_still_whole(operation: Path) -> None:
    ask(operation, QUESTION)
    with ask(operation) as asking:
        asking.ask("Is there smoke?")
        asking.ask("xyzzy")
    verdict = verify(operation)
    assert (verdict.kinds["question"], verdict.kinds["answer"]) == (3, 3)


def test_an_answer_that_rests_on_another_run_leaves_the_case_whole(
    operation: Path, tmp_path: Path
) -> None:
    captions = tmp_path / "steps.vtt"
    captions.write_text(
        "WEBVTT\n\n00:00:30.000 --> 00:00:40.000\nPhase: GallbladderPackaging\n", "utf-8"
    )
    import_annotations(operation, captions, "webvtt", by="Dr. A")
    answer = ask(operation, "Which phase is under way at 0:35?")
    assert answer.value == "gallbladder packaging"
    runs = {event.key: event.run_id for event in Case.open(operation).events("phase")}
    (logged,) = Case.open(operation).events("answer")
    assert {runs[key] for rest in answer.evidence for key in rest.events} != {logged.run_id}
    assert verify(operation).kinds["answer"] == 1


def test_evidence_that_is_in_no_run_is_still_damage(operation: Path) -> None:
    ask(operation, QUESTION)
    path = operation / "events.jsonl"
    *lines, last = path.read_text("utf-8").splitlines(keepends=True)
    row = json.loads(last)
    row["evidence"][0]["events"] = ["f" * 64]
    made = dataclasses.replace(event_from_json(row), seq=-1)
    path.write_text("".join(lines), "utf-8")
    with Case.open_for_writing(operation) as case:
        log = case.log(fsync="never")
        log.append(made)
        log.close()
    with pytest.raises(CaseError, match="not before it"):
        verify(operation)


def test_without_logging_the_log_stays_as_it_is(operation: Path) -> None:
    before = (operation / "events.jsonl").read_bytes()
    assert ask(operation, QUESTION, log=False).about == ""
    assert (operation / "events.jsonl").read_bytes() == before


def test_json_is_the_payload_and_nothing_else(
    operation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", str(operation), QUESTION, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (logged,) = Case.open(operation).events("answer")
    assert said == logged.payload


def test_an_answer_is_printed_with_what_it_rests_on(
    operation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", str(operation), QUESTION]) == 0
    text = capsys.readouterr().out
    assert "0:00:30" in text
    assert "rests on 0:00:30" in text


def test_a_conversation_reads_questions_until_an_empty_line(
    operation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\nand the clipper?\n\nignored\n"))
    assert run(["ask", str(operation), "--interactive", "--json"]) == 0
    decoder, text, values = json.JSONDecoder(), capsys.readouterr().out, []
    while text.strip():
        row, end = decoder.raw_decode(text.lstrip())
        values.append(row["value"])
        text = text.lstrip()[end:]
    assert values == [30.0, 85.0]


def test_without_a_question_and_a_terminal_it_is_a_bad_call(
    operation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["ask", str(operation)]) == 2
    assert "There is no question" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["nothing", "empty", "unfinished"])
def test_a_case_that_has_nothing_to_say_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    path = tmp_path / "case"
    if what == "empty":
        path.mkdir()
    if what == "unfinished":
        make_case(path, two_minutes(), closed=False)
    assert run(["ask", str(path), QUESTION]) == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


def test_while_it_is_written_a_case_can_only_be_looked_at(operation: Path) -> None:
    with Case.open_for_writing(operation):
        with pytest.raises(CaseError, match="--no-log"):
            ask(operation, QUESTION)
        assert ask(operation, QUESTION, log=False).value == 30.0


def test_a_question_in_control_characters_does_not_reach_the_log_as_such(operation: Path) -> None:
    answer = ask(operation, "When is the \x1b[31mhook\x07 first\nin view?")
    assert answer.question == "When is the [31mhook first in view?"


def test_two_cases_are_compared_when_both_are_named(
    operation: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", str(operation), "--against", str(made)]) == 0
    assert capsys.readouterr().out == "No difference between the two cases.\n"
    assert not list(Case.open(operation).events("question"))


def test_pictures_pass_the_gate(case: Path, tmp_path: Path) -> None:
    with Asking(case) as asking:
        asking.ask("Is there smoke?")
        shown = asking.pictures(tmp_path / "shown")
        asking.ask("When is the camera out of the body?")
        hidden = asking.pictures(tmp_path / "hidden")
    assert [path.read_bytes()[:2] for path in shown.written] == [b"\xff\xd8"]
    assert (hidden.written, len(hidden.hidden)) == ((), 1)
    assert list((tmp_path / "hidden").iterdir()) == []


def test_pictures_go_into_a_new_folder_or_nothing_is_asked(
    operation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ask", str(operation), QUESTION, "--pictures", str(tmp_path)]
    assert run(arguments) == 6
    assert not list(Case.open(operation).events("question"))
    assert "exists already" in capsys.readouterr().err
