"""Corrections of events: what `ask` and the note say then, and whose word stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.ask_cases import Made, make_case, two_minutes

from videoengine.apps.ask import Answer, ask
from videoengine.apps.cli import run
from videoengine.apps.corrections import correct
from videoengine.apps.export import export
from videoengine.apps.note import FILE, note, write_note
from videoengine.apps.people import report
from videoengine.apps.statements import state
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import UsageError
from videoengine.events import Draft, Event
from videoengine.models.vlm.note import Statement
from videoengine.payloads import CorrectionPayload

ANNE, BEN = "Dr. Anne Ä.", "Ben"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = (row for row in two_minutes() if row.kind != "quality")  # nobody corrects it here
    return make_case(tmp_path_factory.mktemp("corrected") / "case", rows)


@pytest.fixture
def case(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "case")
    return tmp_path / "case"


def events(case: Path, kind: str, name: str, part: str = "label") -> list[Event]:
    found = (event for event in Case.open(case).events(kind) if event.payload[part])
    return [event for event in found if event.payload[part]["name"] == name]


def asked(case: Path, question: str) -> Answer:
    return ask(case, question, log=False)


def statements(case: Path, field: str, template: str = "en") -> list[Statement]:
    made = note(case, template=template)
    fields = (one for section in made.sections for one in section.fields)
    return [s for one in fields if one.name == field for s in one.statements]


def sentences(case: Path) -> list[str]:
    fields = (one for section in note(case).sections for one in section.fields)
    return [s.text for one in fields for s in one.statements]


def keys(answer: Answer) -> set[str]:
    return {key for rest in answer.evidence for key in rest.events}


def test_a_retracted_stretch_no_longer_answers_as_it_was(case: Path) -> None:
    first, last = (
        events(case, "instrument", "clipper")[0],
        events(case, "instrument", "clipper")[-1],
    )
    assert asked(case, "Is a clipper in view?").value == "yes"
    done = correct(case, first.key, by=ANNE, through=last.key)
    answer = asked(case, "Is a clipper in view?")
    assert answer.value == "no"
    assert f"(Corrected: {ANNE}, 0:01:25–0:01:45: none in place of clipper.)" in answer.text
    assert {first.key, last.key, done.event} <= keys(answer)
    assert asked(case, "How many instruments are in view at 1:30?").value == 0
    assert "clipper" not in asked(case, "Which instruments are used?").value
    assert "Corrected" not in asked(case, "How long is the hook in view?").text


def test_one_retracted_sample_leaves_the_others(case: Path) -> None:
    hook = events(case, "instrument", "hook")[0]
    correct(case, hook.key[:12], by=ANNE)
    answer = asked(case, "When is the hook first in view?")
    assert answer.value == 31.0
    assert "none in place of hook" in answer.text


def test_a_relabeled_stretch_answers_under_its_other_name(case: Path) -> None:
    hooks = events(case, "instrument", "hook")
    correct(case, hooks[0].key, ["label=bipolar"], by=ANNE, through=hooks[19].key)
    bipolar = asked(case, "How long is the bipolar in view?")
    assert bipolar.value == 20.0
    assert f"{ANNE}, 0:00:30–0:00:50: bipolar in place of hook" in bipolar.text
    hook = asked(case, "How long is the hook in view?")
    assert hook.value == 10.0
    assert "bipolar in place of hook" in hook.text
    assert asked(case, "Which instruments are in view at 0:40?").value == "bipolar, grasper"


def test_an_action_is_corrected_in_its_parts(case: Path) -> None:
    acts = events(case, "triplet", "clip", "verb")
    correct(case, acts[0].key, ["verb=grasp", "target=gallbladder"], by=ANNE, through=acts[2].key)
    assert asked(case, "How many clips are placed?").value == 1
    answer = asked(case, "Does the clipper grasp the gallbladder?")
    assert answer.value == "yes"
    assert "a clipper grasping the gallbladder in place of a clipper clipping" in answer.text


def test_a_phase_is_relabeled_in_spoken_words(case: Path) -> None:
    rows = events(case, "phase", "Preparation")
    correct(case, rows[10].key, ["label=calot triangle dissection"], by=ANNE, through=rows[-1].key)
    answer = asked(case, "Which phase is under way at 0:20?")
    assert answer.value == "calot triangle dissection"
    assert ANNE in answer.text
    assert ANNE not in asked(case, "Which phase is under way at 1:30?").text


@pytest.mark.parametrize("about", ["f" * 64, "", 7])
def test_a_correction_of_an_unknown_event_changes_nothing(case: Path, about: object) -> None:
    questions = ("Is a clipper in view?", "How long is the hook in view?")
    before = [asked(case, question) for question in questions], sentences(case)
    with Case.open_for_writing(case) as opened:
        payload = CorrectionPayload(str(about), {"withdrawn": True}, ANNE)
        state(opened, [Draft("correction", payload)], stage="people")
    assert ([asked(case, question) for question in questions], sentences(case)) == before


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"label": "bipolar"},
        {"label": {"name": 3}},
        {"verb": {"vocabulary": "v", "name": "cut"}},
    ],
)
def test_a_change_that_is_none_changes_nothing(case: Path, change: dict[str, object]) -> None:
    hook = events(case, "instrument", "hook")[0]
    with Case.open_for_writing(case) as opened:
        draft = Draft("correction", CorrectionPayload(hook.key, change, ANNE))
        state(opened, [draft], stage="people")
    answer = asked(case, "When is the hook first in view?")
    assert (answer.value, "Corrected" in answer.text) == (30.0, False)


def test_of_contradictory_corrections_the_later_stands_and_both_are_told(case: Path) -> None:
    hooks = events(case, "instrument", "hook")
    correct(case, hooks[0].key, ["label=bipolar"], by=ANNE, through=hooks[-1].key)
    correct(case, hooks[0].key, ["label=scissors"], by=BEN, through=hooks[-1].key)
    answer = asked(case, "How long are the scissors in view?")
    assert answer.value == 30.0
    assert f"scissors in place of hook, after {ANNE} had said bipolar" in answer.text
    assert asked(case, "Is the bipolar in view?").value == "no"
    said = [s for s in statements(case, "instruments") if s.by == BEN]
    assert [s.text for s in said] == [
        "0:00:30–0:01:10: scissors, where a model stated hook. "
        f"This is the later word: “{ANNE}” had said bipolar forceps."
    ]
    assert not [s for s in statements(case, "instruments") if s.by == ANNE]


def test_who_takes_back_ones_own_correction_leaves_the_other(case: Path) -> None:
    hook = events(case, "instrument", "hook")[0]
    last = events(case, "instrument", "hook")[-1]
    correct(case, hook.key, ["label=bipolar"], by=ANNE, through=last.key)
    done = correct(case, hook.key, by=BEN, through=last.key)
    with pytest.raises(UsageError, match="taken back, by whoever made it"):
        correct(case, done.event, by=ANNE)
    correct(case, done.event, by=BEN)
    assert asked(case, "How long is the bipolar in view?").value == 30.0
    verify(case)


def test_the_note_says_corrected_events_under_the_name_of_who_did(case: Path) -> None:
    hooks = events(case, "instrument", "hook")
    before = [s.text for s in statements(case, "instruments") if s.status == "observed"]
    assert any(text.startswith("Hook: the models saw it for 30 s in all") for text in before)
    done = correct(case, hooks[0].key, ["label=bipolar"], by=ANNE, through=hooks[19].key)
    person = statements(case, "instruments")[-1]
    (hook,) = [s for s in statements(case, "instruments") if s.subject == "instrument/hook"]
    assert hook.text.startswith("Hook: the models saw it for 10 s, from 0:01:00 to 0:01:10")
    assert person.text == "0:00:30–0:00:50: bipolar forceps, where a model stated hook."
    assert (person.status, person.by, person.event) == ("reported", ANNE, done.event)
    assert set(person.rests[0].events) == {hooks[0].key, hooks[19].key, done.event}
    assert "wo ein Modell angab" in statements(case, "instruments", "de")[-1].text
    assert "donde un modelo indicó" in statements(case, "instruments", "es")[-1].text


def test_a_correction_in_the_note_is_taken_out_by_its_author_and_not_rewritten(case: Path) -> None:
    hook = events(case, "instrument", "hook")[0]
    correct(case, hook.key, by=ANNE)
    write_note(case)
    text = (case / FILE).read_text("utf-8")
    path = case.parent / "edited.md"
    path.write_text(text.replace("not hook, as a model stated", "not seen"), "utf-8")
    with pytest.raises(UsageError, match="changed as text"):
        write_note(case, edit=path, by=ANNE)
    lines = [line for line in text.splitlines(keepends=True) if "not hook" not in line]
    path.write_text("".join(lines), "utf-8")
    write_note(case, edit=path, by=ANNE)
    assert asked(case, "When is the hook first in view?").value == 30.0


def test_what_was_edited_in_the_note_is_told_beside_the_answer(case: Path) -> None:
    write_note(case)
    path = case.parent / "edited.md"
    text = (case / FILE).read_text("utf-8")
    path.write_text(text.replace("Hook: the models saw it", "A sealing hook: I saw it"), "utf-8")
    write_note(case, edit=path, by=ANNE)
    correction = next(Case.open(case).events("correction"))
    answer = asked(case, "How long is the hook in view?")
    assert f"(Corrected: {ANNE} says in the note “A sealing hook: I saw it" in answer.text
    assert correction.key in keys(answer)
    assert "Corrected" not in asked(case, "How long is the grasper in view?").text


def test_a_report_that_is_taken_back_corrects_no_event(case: Path) -> None:
    report(case, ["blood_loss=50 ml"], by=ANNE)
    before = asked(case, "How long is the hook in view?")
    report(case, ["blood_loss="], by=ANNE)
    assert asked(case, "How long is the hook in view?") == before


def test_an_answer_that_rests_on_a_correction_leaves_the_case_whole(case: Path) -> None:
    hook = events(case, "instrument", "hook")[0]
    correct(case, hook.key, ["label=bipolar"], by=ANNE)
    ask(case, "Is the bipolar in view?")
    assert verify(case).kinds["correction"] == 1


def test_who_corrected_is_named_in_the_case_and_nowhere_else(case: Path, tmp_path: Path) -> None:
    hook = events(case, "instrument", "hook")[0]
    correct(case, hook.key, ["label=bipolar"], by=ANNE)
    assert ANNE in ask(case, "Is the bipolar in view?").text
    export(case, "jsonl", tmp_path / "events.jsonl")
    text = (tmp_path / "events.jsonl").read_text("utf-8")
    assert "bipolar in place of hook" in text
    assert ANNE not in text


def test_no_word_of_a_person_opens_what_the_gate_closed(case: Path) -> None:
    out = next(e for e in Case.open(case).events("privacy") if e.payload["decision"] == "blank")
    with pytest.raises(UsageError, match="This event is not corrected"):
        correct(case, out.key, by=ANNE)
    with Case.open_for_writing(case) as opened:
        draft = Draft("correction", CorrectionPayload(out.key, {"withdrawn": True}, ANNE))
        state(opened, [draft], stage="people")
    assert asked(case, "How long is the camera out of the body?").value == 15.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--correct", "abc"], "too short"),
        (["--correct", "0" * 16], "No such event"),
        (["--correct", "HOOK", "label=hok"], "Did you mean 'hook'"),
        (["--correct", "HOOK", "verb=cut"], "has no such label"),
        (["--correct", "HOOK", "--through", "CLIPPER"], "state one thing"),
        (["--through", "HOOK"], "--through goes with --correct"),
    ],
)
def test_a_correction_that_cannot_stand_is_refused_and_logs_nothing(
    case: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    named = {"HOOK": "hook", "CLIPPER": "clipper"}
    filled = [events(case, "instrument", named[a])[0].key if a in named else a for a in arguments]
    before = (case / "events.jsonl").read_bytes()
    assert run(["report", str(case), *filled, "--by", ANNE]) == 2
    assert says in capsys.readouterr().err
    assert (case / "events.jsonl").read_bytes() == before


def test_the_verb_says_what_it_corrected(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook = events(case, "instrument", "hook")[0]
    arguments = ["report", str(case), "--correct", hook.key[:12], "label=bipolar", "--by", ANNE]
    assert run(arguments) == 0
    assert capsys.readouterr().out == "corrected  hook: bipolar\n"


def test_what_people_annotated_speaks_first_and_the_answer_says_who(tmp_path: Path) -> None:
    from videoengine.apps.importing import import_annotations

    path = make_case(tmp_path / "case", [*two_minutes(), *(
        Made.phase(s, "Preparation", stage="phase.smoothed") for s in range(120))])  # fmt: skip
    captions = tmp_path / "phases.vtt"
    captions.write_text("WEBVTT\n\n00:00:30.000 --> 00:00:40.000\nPhase: GallbladderPackaging\n")
    import_annotations(path, captions, "webvtt", by=ANNE)
    answer = asked(path, "Which phase is under way at 0:35?")
    assert answer.value == "gallbladder packaging"
    assert f"(Phases as annotated by {ANNE}.)" in answer.text
