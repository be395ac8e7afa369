"""What is stated when a run closes: once, whatever kills it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import MeanStage

from videoengine import presets
from videoengine.apps import session
from videoengine.apps.analyze import analyze, resume
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.events import Draft, Event, canonical_lines
from videoengine.stages import StageContext


class Smoothing(MeanStage):
    """Says again, for every point, what it said, with how many there are."""

    closing_name = "mean.smoothed"
    fails = False

    def at_close(self, events: Iterable[Event]) -> Iterator[tuple[Event, Draft]]:
        held = list(events)
        for number, about in enumerate(held):
            if self.fails and number == 2:
                raise RuntimeError("no more")
            payload = {**about.payload, "low": len(held)}
            yield about, Draft(about.kind, payload, None, about.start_ns, about.end_ns)


@pytest.fixture(autouse=True)
def _stages(monkeypatch: pytest.MonkeyPatch) -> None:
    def factory(_: StageContext) -> MeanStage:
        return Smoothing("mean")

    monkeypatch.setattr(presets, "load", lambda *_: factory)


def smoothed(case: Path) -> list[Event]:
    return [e for e in Case.open(case).events() if e.stage == "mean.smoothed"]


def test_points_are_stated_again_before_the_run_closes(clip: Path, tmp_path: Path) -> None:
    outcome = analyze(str(clip), tmp_path / "case", stages=["mean"])
    events = list(Case.open(tmp_path / "case").events())
    first = [e for e in events if e.stage == "mean"]
    again = smoothed(tmp_path / "case")
    assert len(first) == len(again) > 3
    assert events[-1].payload["state"] == "closed"
    assert outcome.events == len(first) + len(again) + len([e for e in events if e.kind == "gap"])
    for one, other in zip(first, again, strict=True):
        assert (one.epoch, one.start_ns, one.end_ns) == (other.epoch, other.start_ns, other.end_ns)
        assert (one.model_hash, one.config_hash) == (other.model_hash, other.config_hash)
        assert one.evidence == other.evidence
        assert other.payload["low"] == len(first)
    verify(tmp_path / "case")


@pytest.mark.parametrize("kept", [0, 2, -1])
def test_a_run_broken_among_them_is_finished_by_resume(
    kept: int, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze(str(clip), tmp_path / "whole", stages=["mean"])
    whole = canonical_lines(Case.open(tmp_path / "whole").events())
    real = session.closing_events

    def broken(*arguments: Any) -> Iterator[Event]:
        events = list(real(*arguments))
        yield from events[: len(events) if kept < 0 else kept]
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "closing_events", broken)
    with pytest.raises(KeyboardInterrupt):
        analyze(str(clip), tmp_path / "case", stages=["mean"])
    monkeypatch.setattr(session, "closing_events", real)
    count = len(smoothed(tmp_path / "case"))
    resume(tmp_path / "case")
    assert canonical_lines(Case.open(tmp_path / "case").events()) == whole
    assert count == (len(smoothed(tmp_path / "whole")) if kept < 0 else kept)
    verify(tmp_path / "case")


def test_a_second_look_that_fails_costs_only_itself(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Smoothing, "fails", True)
    outcome = analyze(str(clip), tmp_path / "case", stages=["mean"])
    kinds = [e.kind for e in smoothed(tmp_path / "case")]
    assert kinds == ["measurement", "measurement", "error"]
    assert "mean.smoothed failed" in outcome.failures[0]
    verify(tmp_path / "case")
