"""The procedure of a recorded source is decided once, before the run, and kept."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.fakes import MeanStage

from videoengine import presets
from videoengine.apps.analyze import analyze, resume
from videoengine.apps.session import resolved_config
from videoengine.case import Case
from videoengine.sources import Source
from videoengine.stages import StageContext


@dataclass(frozen=True)
class Decision:
    procedure: str
    probabilities: dict[str, float]
    samples: int


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    """Sources that a first pass was made over; a stage called `procedure` stands in."""
    seen: list[Source] = []
    contexts.clear()

    def decide(source: Source) -> Decision:
        seen.append(source)
        assert next(iter(source)).seq == 0
        return Decision("cholecystectomy", {"0": 0.987654321, "1": 0.0123456789}, 9)

    module: Any = ModuleType("videoengine.models.workflow.procedure")
    module.decide_procedure = decide
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def factory(context: StageContext) -> MeanStage:
        contexts.append(context)
        return MeanStage("procedure", rate_hz=1.0)

    monkeypatch.setattr(presets, "load", lambda *_: factory)
    return seen


contexts: list[StageContext] = []


def test_a_recorded_source_is_decided_once_and_kept(
    clip: Path, tmp_path: Path, passes: list[Source]
) -> None:
    analyze(str(clip), tmp_path / "case", stages=["procedure"])
    assert len(passes) == 1
    manifest = Case.open(tmp_path / "case").manifest
    expected = {
        "by": "first pass",
        "probabilities": {"0": 0.987654, "1": 0.0123457},
        "samples": 9,
    }
    assert manifest.procedure == manifest.config["procedure"] == "cholecystectomy"
    assert manifest.config["procedure_from"] == expected
    assert StageContext("unknown", "cholecystectomy", expected) in contexts
    # As if it had been killed after the manifest was written.
    (tmp_path / "case" / "events.jsonl").write_text("")
    contexts.clear()
    resume(tmp_path / "case")
    assert len(passes) == 1
    assert contexts[0].decided == expected


def test_a_stated_procedure_needs_no_pass(clip: Path, tmp_path: Path, passes: list[Source]) -> None:
    analyze(str(clip), tmp_path / "case", stages=["procedure"], procedure="colonoscopy")
    assert passes == []
    assert StageContext("unknown", "colonoscopy", {"by": "caller"}) in contexts


def test_without_the_stage_nothing_is_decided() -> None:
    assert "procedure_from" not in resolved_config()
