from __future__ import annotations

from dataclasses import replace

import pytest
from support.hand_notes import field, hand_note, observed, reported

from videoengine.apps.documents.outline import Line, outline, printable, times
from videoengine.models.vlm.note.document import Note, NoteField, NoteSection, Rest, Statement

SECOND = 1_000_000_000


def lines(of: NoteField, note: Note | None = None) -> tuple[Line, ...]:
    whole = replace(note or hand_note(), sections=(NoteSection("s", "S", None, (of,)),))
    return outline(whole).parts[0].rows[0].lines


def test_a_field_of_which_nothing_is_known_says_so_once() -> None:
    (line,) = lines(field("a", "A"))
    assert line.status == "not_observable"
    assert line.text == "Not observable in the video, and not reported."


def test_a_correction_names_who_made_it_and_what_it_stands_in_place_of() -> None:
    corrected = Statement("The cystic duct", "reported", by="Ada", event="e", replaces="The artery")
    (line,) = lines(field("a", "A", corrected))
    assert line.text == "The cystic duct"
    assert line.why == "Reported by Ada; in place of the observed sentence: The artery"


def test_reports_that_differ_all_stand_and_it_is_said_that_they_do() -> None:
    told = replace(
        field("a", "A", reported("10 ml", "Ada"), reported("50 ml", "Ben")), differs=True
    )
    assert [line.text for line in lines(told)] == [
        "10 ml",
        "50 ml",
        "These statements differ; each stands under its name.",
    ]


def test_only_a_signed_note_is_final_and_one_that_changed_since_says_why_it_is_not() -> None:
    marks = {
        state: outline(replace(hand_note(), state=state))
        for state in ("draft", "edited", "signed", "outdated")
    }
    assert [state for state, page in marks.items() if page.is_final] == ["signed"]
    assert any("changed since" in text for text in marks["outdated"].notice)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, "0:00:00–0:00:05"), (7, "+\u00a01")],
)
def test_many_stretches_are_cut_and_counted(count: int, shown: str) -> None:
    rests = observed("x", *((10 * i, 10 * i + 5) for i in range(count))).rests
    assert times(rests).endswith(shown)
    assert times(rests).count("–") == min(count, 6)


def test_a_stretch_within_one_second_is_one_time() -> None:
    assert times((Rest(5 * SECOND, 5 * SECOND + 200_000_000, ("k",)),)) == "0:00:05"


def test_what_steers_a_printer_or_turns_the_line_is_taken_out() -> None:
    assert printable("a\x1b[2J\u202eb\r\nc\ufffe\u2066") == "a [2Jb\nc"
