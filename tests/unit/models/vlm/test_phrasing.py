"""How answers read: sentences, terms as people write them, sightings that were joined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ask_cases import Made, make_case

from videoengine.case import Case
from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.index import open_index
from videoengine.models.vlm.note import compose, load_template, read_note_log
from videoengine.models.vlm.phrasing import as_written, denied


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many clips are placed?", "2 clips are placed in this case: at 0:01:31 and 0:01:37."),
        ("How many clips are placed before 1:00?",
         "No clip is placed between 0:00:00 and 0:01:00."),
        ("How often does the bipolar come into view?",
         "A bipolar does not come into view in this case."),
        ("How often does the hook come into view?",
         "A hook comes into view twice in this case: at 0:00:30 and 0:01:00."),
        ("How often does the hook come into view after 0:35?",
         "A hook comes into view once between 0:00:35 and 0:02:00: at 0:01:00; it is in view "
         "already at 0:00:35."),
        ("Is a bipolar in view?", "No, a bipolar is never in view in this case."),
        ("Is the hook in view at 0:40?", "Yes: a hook is in view at 0:00:40."),
        ("Is the hook in view at 0:20?", "No, a hook is not in view at 0:00:20."),
        ("How long is the scissors in view?",
         "A pair of scissors is never in view in this case."),
        ("How long is the hook in view?",
         "A hook is in view for 30.0 s in 2 stretches: 0:00:30–0:00:50 and 0:01:00–0:01:10."),
        ("When is the cystic artery clipped?",
         "No instrument is clipping the cystic artery in this case."),
        ("How many instruments are in view at 1:20?", "No instrument is in view at 0:01:20."),
        ("What is done at 0:40?",
         "At 0:00:40 a hook is dissecting the gallbladder (0:00:35–0:00:45)."),
        ("What is the grasper doing at 0:40?", "No action of a grasper is stated at 0:00:40."),
        ("Which phase is under way at 0:45?",
         "At 0:00:45 the phase is Calot's triangle dissection (0:00:30–0:01:20)."),
        ("Which phase follows the one at 0:45?", "Clipping and cutting follows, from 0:01:20 on."),
        ("Do a hook and a grasper appear together?",
         "Yes: a grasper and a hook are in view together, 0:00:30–0:00:50."),
        ("What is different between 0:20 and 0:40?",
         "At 0:00:40, beside 0:00:20, new: the phase Calot's triangle dissection, a hook, a hook "
         "dissecting the gallbladder and smoke; gone: the phase preparation."),
        ("Does the video show the liver?",
         "No stage of this case states which anatomy shows, only what instruments work on."),
    ],
)  # fmt: skip
def test_an_answer_reads_as_a_sentence(talk: Conversation, question: str, text: str) -> None:
    said = talk.ask(question).text
    assert said.replace("a hook and a grasper", "a grasper and a hook") == text


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("When does the camera leave the body?", 110.0),
        ("When does the camera enter the body?", 5.0),
        ("When is the camera out of the body for the first time?", 0.0),
        ("How often does the camera leave the body?", 1),
        ("Does the camera leave the body before 1:00?", "no"),
        ("Does the camera leave the body after 1:00?", "yes"),
        ("When does the camera leave the body for the last time?", 110.0),
        ("How long is the camera out of the body?", 15.0),
        ("Is the camera out of the body at 0:02?", "yes"),
    ],
)
def test_leaving_and_entering_are_changes_not_states(
    talk: Conversation, question: str, value: object
) -> None:
    assert talk.ask(question).value == value


@pytest.fixture
def flicker(tmp_path: Path) -> Path:
    """A case in which a hook is seen every other second from 0:10 to 0:20, and once at 0:25."""
    rows = [Made.privacy(n / 5) for n in range(150)]
    rows += [Made.instrument(s, "hook" if s in (*range(10, 20, 2), 25) else None, None)
             for s in range(30)]  # fmt: skip
    return make_case(tmp_path / "case", sorted(rows, key=lambda row: row.at_s))


@pytest.fixture
def flickering(flicker: Path) -> Iterator[Conversation]:
    """A conversation about it."""
    with Case.open(flicker) as case, open_index(case) as index:
        yield Conversation(index)


def test_an_answer_counts_the_sightings_that_the_note_counts(
    flicker: Path, flickering: Conversation
) -> None:
    note = compose(read_note_log(Case.open(flicker)), load_template("en"))
    fields = (field for section in note.sections for field in section.fields)
    (said,) = (s for f in fields for s in f.statements if s.subject == "instrument/hook")
    assert "6 s in all, in 6 stretches" in said.text
    assert "6 sightings, 6.0 s in all" in flickering.ask("How long is the hook in view?").text


def test_sightings_that_count_as_one_are_told(flickering: Conversation) -> None:
    text = flickering.ask("How long is the hook in view?").text
    assert text == (
        "A hook is in view for 10.0 s in 2 stretches: 0:00:10–0:00:19 and 0:00:25–0:00:26. "
        "(6 sightings, 6.0 s in all; those less than 2 s apart count as one.)"
    )
    assert "(3 sightings, 2.0 s in all" in flickering.ask(
        "How long is the hook in view between 0:12.5 and 0:16.5?"
    ).text  # fmt: skip


def test_terms_are_written_as_people_write_them() -> None:
    said = as_written("Calot triangle dissection, then the phase calot triangle dissection.")
    assert said == "Calot's triangle dissection, then the phase Calot's triangle dissection."
    assert as_written("clipping cuttings") == "clipping cuttings"


def test_a_beginning_that_was_not_is_denied() -> None:
    assert (
        denied("a hook begins dissecting the liver") == "a hook does not begin dissecting the liver"
    )
    assert denied("an instrument begins clipping") == "no instrument begins clipping"
