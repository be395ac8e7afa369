"""The log writer: nothing queued is lost, and what the disk refuses is raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.events import privacy

from videoengine import durable
from videoengine.case import Case, Manifest
from videoengine.errors import OutputError
from videoengine.writer import CAPACITY, LogWriter


@pytest.fixture
def case(tmp_path: Path) -> Case:
    manifest = Manifest(1, "id", "", "0", "s0", "unknown", None, "run", {}, None)
    return Case.create(tmp_path / "case", manifest)


def test_everything_put_before_close_is_in_the_log_in_order(case: Case) -> None:
    writer = LogWriter(case)
    for index in range(2 * CAPACITY):
        writer.put([privacy(index / 5)])
    writer.close()
    writer.close()
    assert [event.seq for event in case.events()] == list(range(2 * CAPACITY))


def test_flush_waits_until_the_events_are_on_the_disk(case: Case) -> None:
    writer = LogWriter(case)
    writer.put([privacy(0.0)])
    writer.flush()
    assert len(list(case.events())) == 1
    writer.close()


def test_a_checkpoint_covers_only_events_that_are_on_the_disk(case: Case) -> None:
    writer = LogWriter(case)
    reached: list[tuple[str, int]] = []

    def watch(operation: str) -> None:
        reached.append((operation, sum(1 for _ in case.events())))

    writer.put([privacy(0.0), privacy(0.2)])
    durable.inject_fault(watch)
    try:
        writer.checkpoint({"run_id": "run"})
        writer.flush()
    finally:
        durable.inject_fault(None)
    writer.close()
    row = case.checkpoint()
    assert row == {"run_id": "run", "seq": 2}
    assert [count for operation, count in reached if operation == "rename"] == [2]


def test_what_the_disk_refuses_is_raised_to_whoever_puts_next(case: Case) -> None:
    def full(operation: str) -> None:
        raise OSError(28, "No space left on device")

    writer = LogWriter(case)
    durable.inject_fault(full)
    try:
        writer.put([privacy(0.0)])
        with pytest.raises(OutputError, match="No space left"):
            writer.flush()
        with pytest.raises(OutputError):
            writer.put([privacy(0.2)])
        with pytest.raises(OutputError):
            writer.close()
    finally:
        durable.inject_fault(None)
