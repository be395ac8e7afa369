"""The log: chain, torn tails, damage, group commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import privacy, run_line

from videoengine import durable
from videoengine.canonical import digest, dumps
from videoengine.errors import CaseError, OutputError
from videoengine.events import GENESIS
from videoengine.log import GROUP_EVENTS, MAX_LINE_BYTES, EventLog, read_log


def written(path: Path, count: int = 10) -> Path:
    log = EventLog(path)
    for index in range(count):
        log.append(privacy(index / 5))
    log.close()
    return path


def test_what_is_appended_is_read_back_in_order_and_chained(tmp_path: Path) -> None:
    events = [event for _, event in read_log(written(tmp_path / "log"))]
    assert [event.seq for event in events] == list(range(10))
    assert events[0].prev == GENESIS
    assert [event.prev for event in events[1:]] == [event.hash for event in events[:-1]]


def test_a_log_opened_again_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    written(path, 5)
    assert len(list(read_log(path))) == 15


@given(st.integers(min_value=1, max_value=10_000))
@settings(max_examples=60, deadline=None)
def test_a_log_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = written(tmp_path_factory.mktemp("log") / "log")
    data = path.read_bytes()
    path.write_bytes(data[: cut % len(data)])
    whole = data[: cut % len(data)].count(b"\n")
    assert len(list(read_log(path))) == whole
    written(path, 2)
    assert len(list(read_log(path))) == whole + 2


@pytest.mark.parametrize("line", [0, 4, 9])
def test_a_changed_byte_names_its_line(tmp_path: Path, line: int) -> None:
    path = written(tmp_path / "log")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"allow"', b'"blank"')
    path.write_bytes(b"".join(lines))
    with pytest.raises(CaseError, match=f"line {line + 1};"):
        list(read_log(path))
    with pytest.raises(CaseError, match=f"line {line + 1};"):
        EventLog(path)


def test_a_line_forged_with_a_hash_of_its_own_breaks_the_chain_after_it(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    lines = path.read_bytes().splitlines(keepends=True)
    row = json.loads(lines[4].replace(b'"allow"', b'"blank"'))
    del row["hash"]
    row["hash"] = digest(row)
    lines[4] = dumps(row).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(CaseError, match="line 6; got its chain"):
        list(read_log(path))


def test_a_removed_line_and_a_swapped_pair_are_damage(tmp_path: Path) -> None:
    lines = written(tmp_path / "log").read_bytes().splitlines(keepends=True)
    for name, kept in (("removed", lines[:3] + lines[4:]), ("swapped", [lines[1], lines[0]])):
        path = tmp_path / name
        path.write_bytes(b"".join(kept))
        with pytest.raises(CaseError, match="damaged at line"):
            list(read_log(path))


def test_a_line_of_a_newer_schema_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = written(tmp_path / "log", 1)
    row = json.loads(path.read_bytes())
    path.write_text(json.dumps({**row, "schema": 2, "extra": 1}) + "\n")
    with pytest.raises(CaseError, match="newer videoengine"):
        list(read_log(path))


def test_an_endless_line_is_damage_and_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"[" * (MAX_LINE_BYTES + 2))
    with pytest.raises(CaseError, match="longer than"):
        list(read_log(path))


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_events_or_a_case_error(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(junk)
    try:
        list(read_log(path))
    except CaseError as error:
        assert "\n" not in str(error)


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=4),
            lambda x: st.lists(x, max_size=3),
            max_leaves=5,
        ),
        max_size=5,
    ),
    st.integers(0, 16),
)
@settings(max_examples=150, deadline=None)
def test_any_json_object_in_a_line_gives_an_event_or_a_case_error(
    tmp_path_factory: pytest.TempPathFactory, change: dict[str, object], drop: int
) -> None:
    path = written(tmp_path_factory.mktemp("log") / "log", 1)
    row = json.loads(path.read_bytes())
    names = sorted(row)
    if drop < len(names):
        row[names[drop]] = change
    else:
        row.update(change)
    path.write_text(json.dumps(row) + "\n")
    try:
        list(read_log(path))
    except CaseError as error:
        assert "\n" not in str(error)


def test_a_group_is_committed_when_it_is_full(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log")
    for index in range(GROUP_EVENTS - 1):
        log.append(privacy(index / 5))
    assert (tmp_path / "log").stat().st_size == 0
    assert log.due_in() is not None
    log.append(run_line("closed"))
    assert len(list(read_log(tmp_path / "log"))) == GROUP_EVENTS
    assert log.due_in() is None
    log.close()


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = written(tmp_path / "log")

    def full(operation: str) -> None:
        if operation == "write":
            raise OSError(28, "No space left on device")

    log = EventLog(path)
    durable.inject_fault(full)
    try:
        log.append(privacy(9.0))
        with pytest.raises(OutputError, match="No space left"):
            log.commit()
    finally:
        durable.inject_fault(None)
    assert len(list(read_log(path))) == 10
    assert path.read_bytes().endswith(b"\n")
