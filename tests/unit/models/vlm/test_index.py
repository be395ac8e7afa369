"""The index is made from the log and nothing else, and never says anything the log does not."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from support.ask_cases import Made, make_case, two_minutes

from videoengine.apps.ask import ask
from videoengine.case import Case
from videoengine.errors import CaseError
from videoengine.models.vlm import index as index_module
from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.index import FILE, open_index

QUESTION = "When is the hook first in view?"


@pytest.fixture
def own(operation: Path, tmp_path: Path) -> Path:
    """Return a copy of the operation that may be written to."""
    shutil.copytree(operation, tmp_path / "own")
    (tmp_path / "own" / FILE).unlink(missing_ok=True)
    return tmp_path / "own"


def answered(path: Path) -> object:
    with Case.open(path) as case, open_index(case) as opened:
        return Conversation(opened).ask(QUESTION)


def test_segments_are_those_of_the_timeline(own: Path) -> None:
    with Case.open(own) as case, open_index(case) as opened:
        timeline = case.timeline()
        for kind in ("phase", "instrument", "triplet", "privacy", "quality"):
            assert opened.segments(kind) == timeline.of(kind)
        assert opened.end_ns == timeline.end_ns
        shown = [(one.start_ns, one.end_ns) for one in opened.shown()]
        assert shown == [(span.start_ns, span.end_ns) for span in timeline.gate.spans(0)]


def test_a_deleted_index_loses_nothing(own: Path) -> None:
    first = answered(own)
    (own / FILE).unlink()
    assert answered(own) == first


@pytest.mark.parametrize(
    "damage", [b"", b"no database at all", b"SQLite format 3\x00" + b"\xff" * 900]
)
def test_a_damaged_index_is_made_anew(own: Path, damage: bytes) -> None:
    first = answered(own)
    (own / FILE).write_bytes(damage)
    assert answered(own) == first


def test_an_index_of_another_schema_is_made_anew(own: Path) -> None:
    first = answered(own)
    with sqlite3.connect(own / FILE) as base:
        base.execute("UPDATE meta SET value = '0' WHERE name = 'schema'")
        base.execute("DELETE FROM segments")
    assert answered(own) == first


def test_an_index_of_another_log_is_made_anew(own: Path, tmp_path: Path) -> None:
    other = make_case(tmp_path / "other", [Made.privacy(n / 5) for n in range(600)])
    answered(other)
    first = answered(own)
    shutil.copy(other / FILE, own / FILE)
    assert answered(own) == first


def test_statements_about_the_case_leave_the_index_as_it_is(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(own, QUESTION)
    monkeypatch.setattr(index_module, "fill", None)
    assert ask(own, QUESTION).value == 30.0


def test_a_case_that_cannot_be_written_is_indexed_in_a_temporary_place(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = answered(own)
    (own / FILE).unlink()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(index_module.durable, "rename", refuse)
    assert answered(own) == first
    assert not list(own.glob(f"*{FILE}*"))


def test_a_run_that_has_not_closed_is_not_indexed(tmp_path: Path) -> None:
    path = make_case(tmp_path / "case", two_minutes(), closed=False)
    with Case.open(path) as case, pytest.raises(CaseError, match="videoengine resume"):
        open_index(case)
    assert not list(path.glob(f"*{FILE}*"))


def test_a_damaged_log_is_one_error(own: Path) -> None:
    log = own / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[20] = lines[20].replace(b'"payload":{', b'"payload":7,"was":{')
    log.write_bytes(b"".join(lines))
    with Case.open(own) as case, pytest.raises(CaseError, match="line 21"):
        open_index(case)
