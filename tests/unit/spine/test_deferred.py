"""Stages whose card names procedures wait until the stream shows which one it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from support.fakes import FakeFeed, FakeSource, ListSink, MeanStage

from videoengine.engine import Engine
from videoengine.events import Draft, Event
from videoengine.lane import Lane
from videoengine.live_policy import LivePolicy
from videoengine.payloads import Label, PhasePayload
from videoengine.stages import NamedArray, Result, Work

LIVE = LivePolicy(budget_ms=2000)


def decider(name: str = "cholecystectomy", after: int = 3, **spec: Any) -> MeanStage:
    """Return a stage that states the procedure at its sample number `after`, once."""
    seen: list[int] = []

    def hook(works: Sequence[Work]) -> Sequence[Result]:
        results: list[Result] = []
        for work in works:
            seen.append(work.clip.last.seq)
            label = Label("videoengine/procedure@1", 0, name)
            drafts = (Draft("procedure", PhasePayload(label, {"0": 1.0})),)
            array = NamedArray("procedure", np.zeros(1, np.int64))
            said = drafts if len(seen) == after else ()
            results.append(Result(said, (array,), work.state))
        return results

    return MeanStage("procedure", hook=hook, rate_hz=5.0, provides=("procedure",), **spec)


def covering(name: str, *procedures: str, **spec: Any) -> MeanStage:
    """Return a stage whose card names procedures."""
    stage = MeanStage(name, rate_hz=5.0, **spec)
    stage.spec = replace(stage.spec, card=replace(stage.spec.card, procedures=procedures))
    return stage


def run(source: FakeSource, *stages: MeanStage, **options: Any) -> tuple[Lane, list[Event]]:
    engine = Engine(stages, **options)
    sink = ListSink()
    lane = engine.add(source, sink, "run")
    engine.run()
    for stage in lane.stages:
        assert stage.edge.ledger.balances
    keys = [event.key for event in sink.events]
    assert len(keys) == len(set(keys))
    ends = [(event.epoch, event.end_ns) for event in sink.events]
    assert all(before <= after for before, after in pairwise(ends))
    return lane, sink.events


def said(events: Sequence[Event], stage: str) -> list[tuple[str, int]]:
    """Return (kind, start in milliseconds) of what a stage stated."""
    return [(e.kind, e.start_ns // 1_000_000) for e in events if e.stage == stage]


def test_covered_stages_begin_at_the_decision_and_others_refuse_once() -> None:
    lane, events = run(
        FakeFeed(range(0, 2000, 40)),
        decider(),
        covering("phase", "cholecystectomy"),
        covering("polyp", "colonoscopy"),
        MeanStage("any", rate_hz=5.0),
        live=LIVE,
    )
    phase, polyp = said(events, "phase"), said(events, "polyp")
    assert [kind for kind, _ in polyp] == ["refusal"]
    assert {kind for kind, _ in phase} == {"measurement"}
    assert 400 < phase[0][1] <= 600
    assert phase[0][1] == polyp[0][1], "both at the frame after the decision"
    assert len(said(events, "any")) == 10
    refusal = next(e for e in events if e.kind == "refusal")
    assert "cholecystectomy" in refusal.payload["why"]
    assert lane.waiting == []


def test_unknown_is_covered_by_no_card_that_names_procedures() -> None:
    _, events = run(
        FakeFeed(range(0, 1000, 40)), decider("unknown"), covering("phase", "cholecystectomy"),
        live=LIVE,
    )  # fmt: skip
    assert [kind for kind, _ in said(events, "phase")] == ["refusal"]


def test_a_stage_of_another_modality_refuses_at_once() -> None:
    stage = covering("phase", "cholecystectomy")
    card = replace(stage.spec.card, modalities=("colonoscopy",))
    stage.spec = replace(stage.spec, card=card)
    _, events = run(FakeFeed(range(0, 400, 40)), decider(), stage, live=LIVE)
    assert said(events, "phase") == [("refusal", 0)]


def test_without_loss_the_first_frame_is_always_the_same() -> None:
    stages = ("procedure", "phase")
    runs: list[list[Any]] = []
    for pace in (0.0, 0.002):
        _, events = run(
            FakeSource(range(0, 2000, 40), pace_s=pace),
            decider(),
            covering("phase", "cholecystectomy"),
        )
        runs.append([said(events, name) for name in stages])
    assert runs[0] == runs[1]
    assert runs[0] == [[("procedure", 400)], [("measurement", 440 + n * 200) for n in range(8)]]


def test_a_stated_procedure_defers_nothing() -> None:
    _, events = run(
        FakeSource(range(0, 1000, 40)), decider(), covering("phase", "cholecystectomy"),
        procedure="cholecystectomy",
    )  # fmt: skip
    assert len(said(events, "phase")) == 5


def test_a_decision_that_comes_late_is_not_lost() -> None:
    release = threading.Event()
    stage = decider(after=1)
    inner = stage.hook
    assert inner is not None

    def slow(works: Sequence[Work]) -> Any:
        release.wait(0.7)
        return inner(works)

    stage.hook = slow
    _, events = run(
        FakeFeed(range(0, 2000, 40)), stage, covering("phase", "cholecystectomy", device="cpu:1"),
        live=LivePolicy(budget_ms=5000, late_ms=200),
    )  # fmt: skip
    (decision,) = [e for e in events if e.kind == "procedure"]
    assert decision.start_ns > 0
    assert decision.evidence[0]["start_ns"] == 0
    assert said(events, "phase")


def test_a_checkpoint_knows_whether_it_was_decided() -> None:
    engine = Engine([decider(), covering("phase", "cholecystectomy")])
    sink = ListSink()
    engine.add(FakeSource(range(0, 12_000, 40)), sink, "run")
    engine.run()
    row = json.loads(json.dumps(sink.checkpoints[0]))
    again = Engine([decider(after=99), covering("phase", "cholecystectomy")])
    rest = ListSink()
    lane = again.add(FakeSource(range(0, 12_000, 40)), rest, "run")
    lane.decode(row, 0)
    again.run()
    assert lane.decided == "cholecystectomy"
    assert sink.canonical()[row["events_before"] :] == rest.canonical()
