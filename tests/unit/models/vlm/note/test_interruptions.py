"""What the note says of holes, failures, slowed stages and samples that were left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.events import event
from support.note_cases import note_case, stated

from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.events import Event
from videoengine.models.vlm.note import Statement, compose, load_template, read_note_log

NS = 1_000_000_000


def said(case: Path, template: str = "en") -> dict[str, Statement]:
    """Return what stands under "What was not seen", by what it is about."""
    note = compose(read_note_log(Case.open(case)), load_template(template))
    fields = (field for section in note.sections for field in section.fields)
    (field,) = (field for field in fields if field.name == "interruptions")
    return {statement.subject or "": statement for statement in field.statements}


def case_of(folder: Path, more: Iterable[Event]) -> Path:
    return note_case(folder / "case", events=[*stated(), *more], allow=lambda _: True)


def failure(second: int, stage: str, why: str) -> Event:
    payload = {"what": f"The stage {stage}", "why": why, "remedy": ""}
    return event("error", second, payload, stage=stage, duration_s=1.0)


def shed(second: int, before_hz: float, after_hz: float) -> Event:
    payload = {
        "stage": "instruments", "cause": "late", "count": 3, "from_rate_hz": before_hz,
        "to_rate_hz": after_hz,
    }  # fmt: skip
    return event("load_shed", second, payload, stage="engine", duration_s=0.0)


def after_a_hole(cause: str, lost_s: int) -> list[Event]:
    """Return the gap that opens a second epoch at 30 s, and a phase in it."""
    place: dict[str, Any] = {"stream_id": "s0", "epoch": 0, "start_ns": 29 * NS, "end_ns": 30 * NS}
    opened = {**place, "epoch": 1, "start_ns": 100 * NS, "end_ns": 101 * NS}
    payload = {"cause": cause, "duration_ns": lost_s * NS, "attempts": 0}
    gap = event("gap", 100, payload, stage="engine", epoch=1, duration_s=0.0,
                evidence=[place, opened])  # fmt: skip
    label = {"vocabulary": "cholec80/phase@1", "id": 2, "name": "ClippingCutting"}
    phase = event("phase", 100, {"label": label, "probabilities": {}}, epoch=1, duration_s=5.0)
    return [gap, phase]


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("hole", "No video from 0:00:30 to 0:00:40, 10 s: no frames were recorded."),
        ("reconnect",
         "No video from 0:00:30 to 0:00:40, 10 s: the feed was lost and found again."),
        ("format_change", "No video from 0:00:30 to 0:00:40, 10 s: the picture format changed."),
        ("weird <b>", "No video from 0:00:30 to 0:00:40, 10 s: “weird <b>”."),
    ],
)  # fmt: skip
def test_a_hole_is_told_with_its_times_and_cause(tmp_path: Path, cause: str, text: str) -> None:
    gap, phase = after_a_hole(cause, 10)
    case = case_of(tmp_path, [gap, phase])
    statement = said(case)["gap/1"]
    assert statement.text == text
    assert (statement.rests[0].start_ns, statement.rests[0].end_ns) == (30 * NS, 40 * NS)
    assert statement.rests[0].events == (gap.key,)


def test_a_hole_without_a_length_is_told_as_well(tmp_path: Path) -> None:
    case = case_of(tmp_path, after_a_hole("backward_jump", 0))
    assert said(case)["gap/1"].text == (
        "The video does not go on at 0:00:30 where it was before: the stream's clock jumped back."
    )


def test_a_stage_that_failed_is_told_once_with_the_first_reason(tmp_path: Path) -> None:
    first = failure(12, "triplet", "it ran out of memory")
    case = case_of(tmp_path, [first, failure(20, "triplet", "again"), failure(25, "phase", "x")])
    statements = said(case)
    assert statements["error/triplet"].text == (
        "The stage actions failed 2 times, first at 0:00:12: “it ran out of memory”."
    )
    assert statements["error/phase"].text == "The stage phases failed once, at 0:00:25: “x”."
    rests = statements["error/triplet"].rests
    assert (rests[0].events, len(rests)) == ((first.key,), 2)


def test_a_stage_that_was_slowed_is_told_with_its_lowest_rate(tmp_path: Path) -> None:
    once = said(case_of(tmp_path / "one", [shed(8, 5.0, 2.5)]))["load_shed/instruments"]
    assert once.text == (
        "The stage instruments was slowed once, at 0:00:08, to 2.5 instead of 5 samples a second."
    )
    rows = [shed(8, 5.0, 2.5), shed(10, 2.5, 1.25), shed(30, 1.25, 5.0)]
    often = said(case_of(tmp_path / "three", rows))["load_shed/instruments"]
    assert often.text == (
        "The rate of the stage instruments changed 3 times, first at 0:00:08; it fell to 1.25 "
        "instead of 5 samples a second."
    )
    assert [rest.events for rest in often.rests] == [(row.key,) for row in rows]


def test_samples_that_were_left_out_are_counted_by_cause(tmp_path: Path) -> None:
    case = case_of(tmp_path, [])
    path = case / "events.jsonl"
    *lines, _ = path.read_text("utf-8").splitlines(keepends=True)
    closed = list(Case.open(case).events("run"))[-1]
    ledger = closed.payload["ledger"]
    ledger["s0/phase"] = {"captured": 40, "served": 36, "dropped": {"stale": 3, "shed": 1}}
    path.write_text("".join(lines), "utf-8")
    with Case.open_for_writing(case) as opened:
        log = opened.log(fsync="never")
        log.append(replace(closed, seq=-1, payload={**closed.payload, "ledger": ledger}))
        log.close()
    verify(case)
    statements = said(case)
    assert statements["drop/phase/stale"].text == (
        "3 samples for the stage phases were not analyzed: too old before their turn."
    )
    assert statements["drop/phase/shed"].text == (
        "One sample for the stage phases was not analyzed: left out while the stage ran less often."
    )
    assert statements["drop/phase/stale"].rests[0].events == (closed.key,)


@pytest.mark.parametrize(
    ("language", "gap", "error", "slowed"),
    [
        ("de", "Kein Video von 0:00:30 bis 0:00:40", "ausgefallen", "1,25"),
        ("es", "Sin vídeo de 0:00:30 a 0:00:40", "falló", "1,25"),
    ],
)
def test_other_languages_say_the_same(
    tmp_path: Path, language: str, gap: str, error: str, slowed: str
) -> None:
    more = [failure(12, "triplet", "x"), shed(8, 5.0, 2.5), shed(10, 2.5, 1.25)]
    statements = said(case_of(tmp_path, [*more, *after_a_hole("hole", 10)]), language)
    assert statements["gap/1"].text.startswith(gap)
    assert error in statements["error/triplet"].text
    assert slowed in statements["load_shed/instruments"].text


def test_where_nothing_is_missing_nothing_is_said(tmp_path: Path) -> None:
    assert said(case_of(tmp_path, [])) == {}
