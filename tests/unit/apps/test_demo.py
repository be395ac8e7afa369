from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.events import NS, event

from videoengine.apps.demo import (
    LENGTH_S,
    PROCEDURE,
    SEED,
    Compared,
    Demo,
    Fault,
    as_text,
    compare,
    demo,
    faults,
)
from videoengine.case import Case
from videoengine.errors import OutputError
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.source import plan_of


def test_what_is_stated_is_set_beside_the_truth(case: Path) -> None:
    timeline = Case.open(case).timeline()
    known = [
        Fault("smoke", round(0.5 * NS), NS, 0.4),
        Fault("smoke", 0, NS, 0.4),
        Fault("out_of_body", 2 * NS, 3 * NS, 1.0),
        Fault("soiling", NS, 2 * NS, 0.7),
    ]
    rows = compare(timeline, known)
    assert [round(row.covered, 2) for row in rows[1:]] == [0.48, 1.0, 0.0]
    assert rows[0].covered > 0.9
    assert rows[0].severity == 0.9
    assert rows[3].found == ()
    lines = as_text(shown(rows)).splitlines()
    assert "0.40" in lines[1]
    assert lines[4].endswith("0.70  at most 0.00")
    assert "Research use only. Not a medical device." in lines[6]


def shown(rows: list[Compared]) -> Demo:
    return Demo(
        "sim://x", Path("case"), Path("report"), 100, 1.0, ("a", "b"), tuple(rows), failures=()
    )


def test_a_demo_without_a_fault_has_a_table_all_the_same() -> None:
    assert "phases  a, b" in as_text(shown([]))


def test_faults_are_the_stretches_in_which_the_truth_states_them() -> None:
    known: list[Any] = []
    for tenth in range(40):
        outside = 10 <= tenth < 20
        payload = {"decision": "blank" if outside else "allow"}
        known.append(event("privacy", tenth / 10, payload, duration_s=0.1))
        if not outside:
            smoke = tenth / 100 if 20 <= tenth < 25 else 0.02
            payload = {"smoke": max(smoke, 0.3 * (tenth == 7)), "soiling": float(tenth >= 35)}
            known.append(event("quality", tenth / 10, payload, duration_s=0.1))
    assert faults(known) == [
        Fault("smoke", round(0.7 * NS), round(0.8 * NS), 0.3),
        Fault("out_of_body", NS, 2 * NS, 1.0),
        Fault("smoke", 2 * NS, round(2.5 * NS), 0.24),
        Fault("soiling", round(3.5 * NS), 4 * NS, 1.0),
    ]


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputError, match="exists already"):
        demo(tmp_path)
    assert (tmp_path / "mine").read_text() == "x"


def test_the_demos_minute_has_something_to_find() -> None:
    piece = Piece(plan_of(PROCEDURE, SEED), end_ns=LENGTH_S * NS)
    kinds = {incident.kind for incident in piece.incidents}
    assert {"coagulation", "lens_soiled", "bleeding"} <= kinds
    assert len({phase.label for phase in piece.phases}) >= 2
    at_first, later = piece.outside
    assert at_first.start_ns == 0
    assert later.end_ns < (LENGTH_S - 3) * NS


@pytest.mark.slow
def test_the_demo_finds_the_room(tmp_path: Path) -> None:
    made = demo(tmp_path / "demo", size=(128, 104), length_s=11)
    assert made.report.is_file()
    assert made.failures == ()
    assert made.phases == ("Preparation",)
    outside = [row for row in made.compared if row.fault.kind == "out_of_body"]
    assert outside[0].covered > 0.9
    gate = Case.open(made.case).timeline().gate
    # at the end of the trocar the body fills the picture already
    frames = range(outside[0].fault.start_ns, outside[0].fault.end_ns - NS, NS // 25)
    assert not any(gate.allows(0, at) for at in frames)
