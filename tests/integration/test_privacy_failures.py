"""A privacy stage that raises, hangs, answers nothing or lags: everything it left open is black."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.clips import tissue, write_clip
from support.fakes import ListSink

from videoengine.edges import EdgeConfig
from videoengine.engine import Engine
from videoengine.gate import Gate
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.quality import PrivacyStage
from videoengine.stages import Result, StageContext, StageSpec, Work
from videoengine.streams import open_source


class Broken:
    """The privacy stage with something wrong with it."""

    def __init__(self, wrong: Callable[[Sequence[Work]], Any]) -> None:
        self._stage = PrivacyStage(StageContext("laparoscopy"))
        self._wrong = wrong
        self.spec: StageSpec = dataclasses.replace(self._stage.spec, latency_budget_ms=100.0)

    def open(self, stream_id: str) -> Any:
        return self._stage.open(stream_id)

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        answer = self._wrong(works)
        return self._stage.process(works) if answer is None else answer

    def encode(self, state: Any) -> bytes:
        return self._stage.encode(state)

    def decode(self, data: bytes) -> Any:
        return self._stage.decode(data)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    size = (428, 240)
    return write_clip(path, stamps_ms=range(0, 5000, 40), size=size, pictures=tissue(size))


def gate_of(stage: Any, clip: Path, edge: EdgeConfig | None = None) -> tuple[Gate, ListSink]:
    engine, sink = Engine([stage], modality="laparoscopy", edge=edge), ListSink()
    engine.add(open_source(str(clip)), sink, "run")
    engine.run()
    gate = Gate(NS_PER_SECOND // 5)
    for event in sink.events:
        gate.add(event)
    return gate.close(), sink


def test_the_clip_is_shown_when_nothing_is_wrong(clip: Path) -> None:
    gate, _ = gate_of(Broken(lambda works: None), clip)
    assert [(span.start_ns, span.end_ns) for span in gate.spans(0)] == [(0, 4_960_000_000)]


def raise_always(works: Sequence[Work]) -> None:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    "wrong",
    [
        raise_always,
        lambda works: [],
        lambda works: [Result() for _ in works],
        lambda works: [Result(state=None) for _ in works],
    ],
    ids=["raises", "no results", "no events", "no state"],
)
def test_a_stage_that_raises_or_answers_nothing_blanks_everything(wrong: Any, clip: Path) -> None:
    gate, _ = gate_of(Broken(wrong), clip)
    assert gate.spans(0) == []


def test_a_stage_that_hangs_blanks_everything(clip: Path) -> None:
    never = threading.Event()
    gate, sink = gate_of(Broken(lambda works: never.wait(60)), clip)
    never.set()
    assert gate.spans(0) == []
    assert {event.kind for event in sink.events} == {"error"}
    assert sink.events[-1].payload["what"] == "Stage privacy failed and is disabled for this stream"


def test_one_failure_in_the_middle_blanks_around_it_until_evidence_is_sustained(clip: Path) -> None:
    def once(works: Sequence[Work]) -> None:
        if works[0].clip.index == 15:
            raise RuntimeError("once")

    gate, _ = gate_of(Broken(once), clip)
    first, second = gate.spans(0)
    assert first.end_ns <= 14 * NS_PER_SECOND // 5
    assert second.start_ns >= 16 * NS_PER_SECOND // 5


def test_a_stage_that_lags_leaves_what_it_missed_black(clip: Path) -> None:
    gate, sink = gate_of(Broken(lambda works: time.sleep(0.05)), clip, EdgeConfig(1, "latest"))
    seen = {event.start_ns for event in sink.events if event.kind == "privacy"}
    for span in gate.spans(0):
        ticks = range(span.start_ns, span.end_ns, NS_PER_SECOND // 5)
        assert all(any(abs(tick - at) <= 40_000_000 for at in seen) for tick in ticks)
