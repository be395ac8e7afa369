"""Two moments, and two cases, beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ask_cases import Made, make_case, two_minutes

from videoengine.apps.ask import Asking
from videoengine.errors import UsageError
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.findings import Finding

NS = 1_000_000_000


def finding(bus: Bus, tool: str, **inputs: int) -> Finding:
    found = bus.call(tool, **inputs)
    assert isinstance(found, Finding)
    return found


def test_a_moment_does_not_differ_from_itself(bus: Bus) -> None:
    assert finding(bus, "compare", one=40 * NS, other=40 * NS).value == {}


def test_two_moments_exchanged_exchange_what_is_gone_and_what_has_come(bus: Bus) -> None:
    there = finding(bus, "compare", one=20 * NS, other=90 * NS).value
    back = finding(bus, "compare", one=90 * NS, other=20 * NS).value
    assert there["instrument"] == {"gone": ["grasper"], "come": ["clipper"]}
    assert {kind: {"gone": row["come"], "come": row["gone"]} for kind, row in there.items()} == back


def test_a_similar_moment_has_the_same_phase_and_instruments(bus: Bus) -> None:
    found = finding(bus, "similar", moment=65 * NS)
    assert found.value == []
    assert finding(bus, "similar", moment=35 * NS).value == []
    assert finding(bus, "similar", moment=7 * NS).supports


def test_a_case_does_not_differ_from_itself(operation: Path) -> None:
    with Asking(operation, log=False) as asking:
        rows = asking.compare(operation)
    assert rows["text"] == "No difference between the two cases."
    assert all(row["difference_s"] == 0 for row in rows["phase"].values())


def test_two_cases_exchanged_change_the_sign_and_nothing_else(
    operation: Path, tmp_path: Path
) -> None:
    shorter = make_case(tmp_path / "shorter", [one for one in two_minutes() if one.at_s < 100])
    with Asking(operation, log=False) as asking:
        there = asking.compare(shorter)
    with Asking(shorter, log=False) as asking:
        back = asking.compare(operation)
    assert there["phase"]["clipping cutting"]["difference_s"] == -20.0
    for kind in ("phase", "instrument"):
        for name, row in there[kind].items():
            assert row["difference_s"] == -back[kind][name]["difference_s"]


def test_cases_of_different_procedures_are_not_compared(operation: Path, tmp_path: Path) -> None:
    made = [Made.privacy(n / 5) for n in range(50)]
    other = make_case(tmp_path / "other", made, procedure="colonoscopy")
    with Asking(operation, log=False) as asking, pytest.raises(UsageError, match="colonoscopy"):
        asking.compare(other)
