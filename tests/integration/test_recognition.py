"""The preset `embedded` end to end on simulated procedures: decides, recognises, survives kills."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from videoengine.apps.analyze import analyze
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.events import Event, canonical_lines

pytestmark = [pytest.mark.torch, pytest.mark.slow]
DRIVER = Path(__file__).parent.parent / "support" / "kill_driver.py"
SEEDED = "sim://cholecystectomy?seed=7&start=2m&duration=22s&size=256x208&fps=5"
"""Two checkpoints."""


def drive(count: Path, operation: str, number: int, *arguments: object) -> int:
    command = [sys.executable, DRIVER, count, operation, number, *arguments]
    return subprocess.run([str(part) for part in command], check=False).returncode


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recognition")
    assert drive(folder / "count", "none", 0, "analyze", SEEDED, folder / "case", "embedded") == 0
    return folder / "case"


def of(case: Path, stage: str) -> list[Event]:
    return [event for event in Case.open(case).events() if event.stage == stage]


def test_the_procedure_is_decided_before_the_run_and_stated_once(case: Path) -> None:
    (decided,) = of(case, "procedure")
    assert decided.payload["label"]["name"] == "cholecystectomy"
    assert decided.start_ns == 0
    manifest = json.loads((case / "manifest.json").read_text())
    assert manifest["config"]["procedure_from"]["by"] == "first pass"


def test_every_recogniser_speaks_at_its_rate(case: Path) -> None:
    verify(case)
    seconds = 22
    assert len({event.start_ns for event in of(case, "instruments")}) == 5 * seconds
    phases = [event for event in of(case, "phase") if event.kind == "phase"]
    assert len(phases) == len(of(case, "phase.smoothed")) == seconds
    assert all(sum(event.payload["probabilities"].values()) <= 1.001 for event in phases)
    assert any(event.kind == "triplet" for event in of(case, "triplet"))
    run = next(event for event in Case.open(case).events() if event.kind == "run")
    assert "simulated procedures only" in run.payload["stages"]["phase"]["about"]["trained_on"]


def test_a_killed_run_is_resumed_to_the_events_of_an_unbroken_one(
    case: Path, tmp_path: Path
) -> None:
    lines = canonical_lines(Case.open(case).events())
    renames = json.loads((case.parent / "count").read_text())["rename"]
    for number in (renames // 2 + 1, renames):  # in the middle, and with all but the report done
        broken, count = tmp_path / f"case{number}", tmp_path / f"count{number}"
        killed = drive(count, "rename", number, "analyze", SEEDED, broken, "embedded")
        assert killed == -signal.SIGKILL
        assert drive(count, "none", 0, "resume", broken) == 0
        assert canonical_lines(Case.open(broken).events()) == lines
        verify(broken)


def test_another_procedure_gets_a_refusal_from_every_recogniser_and_no_phase(
    tmp_path: Path,
) -> None:
    uri = "sim://colonoscopy?seed=7&start=1m&duration=3s&size=256x208&fps=5"
    analyze(uri, tmp_path / "case", preset="embedded", procedure="appendectomy")
    events = list(Case.open(tmp_path / "case").events())
    refused = {event.stage for event in events if event.kind == "refusal"}
    assert refused == {"instruments", "triplet", "phase"}
    assert not [event for event in events if event.kind in ("phase", "instrument", "triplet")]


def test_a_colonoscopy_is_told_from_a_cholecystectomy(tmp_path: Path) -> None:
    uri = "sim://colonoscopy?seed=7&start=1m&duration=3s&size=256x208&fps=5"
    analyze(uri, tmp_path / "case", preset="embedded")
    said = {
        event.payload["label"]["vocabulary"]
        for event in Case.open(tmp_path / "case").events()
        if event.kind == "phase"
    }
    assert said == {"videoengine/colonoscopy-phase@1"}
