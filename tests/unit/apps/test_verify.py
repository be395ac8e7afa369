from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.events import event, run_line
from support.recordings import make_case, rewrite

from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import CaseError
from videoengine.events import Event, event_from_json


def test_a_whole_case_is_counted(case: Path) -> None:
    verdict = verify(case)
    assert (verdict.events, verdict.runs_closed, verdict.runs_open) == (202, 1, 0)
    assert verdict.kinds == {"privacy": 100, "quality": 100, "run": 2}
    assert verdict.ledgers == 2
    assert verdict.notes == ()


def test_an_unfinished_run_is_not_damage(tmp_path: Path, clip: Path) -> None:
    verdict = verify(make_case(tmp_path / "open", clip, closed=False))
    assert (verdict.runs_closed, verdict.runs_open) == (0, 1)
    assert any("videoengine resume" in note for note in verdict.notes)


def test_a_changed_byte_is_found_and_its_line_named(case: Path) -> None:
    path = case / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"smoke":0.1', b'"smoke":0.2')
    path.write_bytes(b"".join(lines))
    with pytest.raises(CaseError, match="line 4"):
        verify(case)


def damage_key(rows: list[dict[str, Any]]) -> None:
    rows[3]["key"] = rows[1]["key"]


def damage_ledger(rows: list[dict[str, Any]]) -> None:
    rows[-1]["payload"]["ledger"]["s0/quality"]["served"] -= 1


def damage_ledger_edge(rows: list[dict[str, Any]]) -> None:
    del rows[-1]["payload"]["ledger"]["s0/privacy"]


def damage_packets(rows: list[dict[str, Any]]) -> None:
    rows[-1]["payload"]["packets"]["s0"]["decoded"] += 1


def damage_stream(rows: list[dict[str, Any]]) -> None:
    rows[5]["stream_id"] = "s1"


def damage_time(rows: list[dict[str, Any]]) -> None:
    rows[5]["end_ns"] = rows[5]["start_ns"] - 1


def damage_run(rows: list[dict[str, Any]]) -> None:
    rows[5]["run_id"] = "another"


def damage_twice_opened(rows: list[dict[str, Any]]) -> None:
    rows.insert(3, {**rows[0], "key": "again"})


def damage_escape(rows: list[dict[str, Any]]) -> None:
    rows[5]["evidence"][0]["artifact"] = "../outside.bin"


def damage_missing_artifact(rows: list[dict[str, Any]]) -> None:
    rows[5]["evidence"][0]["artifact"] = "artifacts/absent.bin"


def damage_evidence(rows: list[dict[str, Any]]) -> None:
    rows[5]["evidence"][0]["events"] = ["f" * 64]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damage_key, "line 4 .*repeats the key"),
        (damage_ledger, "line 202 .*does not balance"),
        (damage_ledger_edge, "line 202 .*ledger of a stage"),
        (damage_packets, "line 202 .*decoded more"),
        (damage_stream, "line 6 .*another stream"),
        (damage_time, "line 6 .*ends before it starts"),
        (damage_run, "line 6 .*not opened"),
        (damage_twice_opened, "line 4 .*out of order"),
        (damage_escape, "line 6 .*outside the case"),
        (damage_missing_artifact, "line 6 .*not there"),
        (damage_evidence, "line 6 .*not before it"),
    ],
)
def test_what_does_not_hold_is_named_with_its_line(
    case: Path, damage: Callable[[list[dict[str, Any]]], None], says: str
) -> None:
    (case.parent / "outside.bin").touch()
    rewrite(case, damage)
    with pytest.raises(CaseError, match=says):
        verify(case)


def test_an_artifact_that_links_outside_is_refused(case: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (case / "artifacts" / "a.bin").symlink_to(tmp_path / "secret")

    def change(rows: list[dict[str, Any]]) -> None:
        rows[5]["evidence"][0]["artifact"] = "artifacts/a.bin"

    rewrite(case, change)
    with pytest.raises(CaseError, match="outside the case"):
        verify(case)


def test_the_same_statement_of_two_runs_is_not_a_repetition(tmp_path: Path, clip: Path) -> None:
    extra: list[Event] = [
        event("run", 0.0, run_line("opened").payload, stage="engine", run_id="later", ordinal=9),
    ]
    path = make_case(tmp_path / "two", clip, extra=extra)
    with Case.open_for_writing(path) as case:
        log = case.log()
        first = next(e for e in case.events("quality"))
        log.append(event_from_json({**first.to_json(), "run_id": "later"}))
        log.close()
    assert verify(path).runs_open == 1


def test_a_damaged_checkpoint_is_named(case: Path) -> None:
    (case / "checkpoint.json").write_text('{"run_id": "run", "seq": 999}')
    with pytest.raises(CaseError, match="checkpoint"):
        verify(case)


def test_a_quarantine_that_others_can_read_is_noted(case: Path) -> None:
    (case / "quarantine").chmod(0o755)
    assert any("chmod 700" in note for note in verify(case).notes)


def test_a_torn_tail_is_not_damage(case: Path) -> None:
    with (case / "events.jsonl").open("ab") as log:
        log.write(b'{"schema":1,"seq":')
    assert verify(case).events == 202
