"""Tools are called with what they declare, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from videoengine.errors import UsageError
from videoengine.models.vlm.bus import SUBJECT, Bus, Tool, installed
from videoengine.models.vlm.findings import Finding, Support, Unknown, Window
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.names import Names

NS = 1_000_000_000


def test_a_moment_must_be_a_number_of_nanoseconds(bus: Bus) -> None:
    with pytest.raises(UsageError, match="int: nanoseconds of case time"):
        bus.call("count_at", moment="0:40")


def test_a_truth_value_is_no_moment(bus: Bus) -> None:
    with pytest.raises(UsageError, match="of another type"):
        bus.call("count_at", moment=True)


def test_a_subject_must_be_a_subject(bus: Bus) -> None:
    with pytest.raises(UsageError, match="Subject: a subject of the case"):
        bus.call("presence", subject="hook")


def test_a_word_must_be_one_of_the_choices(bus: Bus) -> None:
    with pytest.raises(UsageError, match="phase, step, instrument, triplet"):
        bus.call("shown_at", kind="colour", moment=0)


def test_a_missing_input_is_named(bus: Bus) -> None:
    with pytest.raises(UsageError, match="needs the input 'moment'"):
        bus.call("count_at")


def test_an_unknown_input_is_refused_with_the_nearest(bus: Bus) -> None:
    with pytest.raises(UsageError, match="Did you mean 'moment'"):
        bus.call("count_at", momnet=0)


def test_an_unknown_tool_is_refused_with_the_nearest(bus: Bus) -> None:
    with pytest.raises(UsageError, match="Did you mean 'presence'"):
        bus.call("presense")


def test_a_window_that_ends_before_it_starts_is_no_window() -> None:
    with pytest.raises(ValueError, match="must not end before"):
        Window(2, 1)


def test_a_moment_after_the_end_is_not_observable(bus: Bus) -> None:
    found = bus.call("count_at", moment=3600 * NS)
    assert isinstance(found, Unknown)
    assert "ends at 0:02:00" in found.text


def test_a_finding_without_events_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        Finding("yes", None, "Yes.", ())
    with pytest.raises(ValueError, match="at least one event"):
        Finding("yes", None, "Yes.", (Support(0, 1, 0, ()),))


def test_another_tool_plugs_in(index: CaseIndex) -> None:
    def lengths(index: CaseIndex, **inputs: Any) -> Unknown:
        return Unknown("not_observable", f"{inputs['subject'].term} has no length")

    tool = Tool("length", "How long it is.", {"subject": SUBJECT}, "mm", lengths)
    found = Bus(index, [tool]).call("length", subject=Names(index).instrument("hook"))
    assert found == Unknown("not_observable", "hook has no length")


def test_every_registered_tool_declares_itself() -> None:
    tools = installed()
    assert len(tools) >= 25
    for tool in tools:
        row = tool.to_json()
        assert row["says"].endswith(".")
        assert row["value"]
        assert all(one["says"] for one in row["inputs"].values())


def test_boxes_at_a_moment_are_those_of_the_log(bus: Bus) -> None:
    found = bus.call("boxes", moment=40 * NS)
    assert isinstance(found, Finding)
    assert [row["name"] for row in found.value] == ["grasper", "hook"] or [
        row["name"] for row in found.value
    ] == ["hook", "grasper"]
    assert [0.6, 0.7, 0.4, 0.2] in [row["box"] for row in found.value]


def test_what_the_gate_hides_is_told(bus: Bus) -> None:
    found = bus.call("hidden")
    assert isinstance(found, Finding)
    assert found.value > 15.0
    assert found.unit == "s"
