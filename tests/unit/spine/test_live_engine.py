"""The engine under a live policy: ages, drops, watermarks, shedding, streams that come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from support.fakes import FakeFeed, FakeSource, ListSink, MeanStage

from videoengine.engine import Engine
from videoengine.errors import OutputError, SourceError
from videoengine.events import Draft, Event
from videoengine.live_policy import LivePolicy
from videoengine.media_time import Epoch
from videoengine.payloads import RefusalPayload
from videoengine.stages import Work

LIVE = LivePolicy()


def sleeps(seconds: float) -> Callable[[Sequence[Work]], None]:
    return lambda works: time.sleep(seconds)


def run(engine: Engine, *sources: FakeSource, **options: Any) -> list[ListSink]:
    sinks = [ListSink() for _ in sources]
    for source, sink in zip(sources, sinks, strict=True):
        engine.add(source, sink, "run")
    engine.run(**options)
    return sinks


def in_background(engine: Engine) -> threading.Thread:
    thread = threading.Thread(target=lambda: engine.run(forever=True), daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def assert_sound(engine: Engine, sinks: Sequence[ListSink]) -> None:
    """Ledgers balance, drop events sum to them, keys are unique, frames never go back."""
    for lane, sink in zip(engine.lanes, sinks, strict=True):
        told: dict[tuple[str, str], int] = {}
        for event in sink.events:
            if event.kind == "drop":
                key = event.payload["edge"], event.payload["cause"]
                told[key] = told.get(key, 0) + event.payload["count"]
        real: dict[tuple[str, str], int] = {}
        for stage in lane.stages:
            assert stage.edge.ledger.balances, stage.edge.ledger
            for cause, count in stage.edge.ledger.dropped.items():
                real[stage.stage.spec.name, cause] = count
        assert told == real
        keys = [event.key for event in sink.events]
        assert len(keys) == len(set(keys))
        ends = [(event.epoch, event.end_ns) for event in sink.events]
        assert all(before <= after for before, after in pairwise(ends))


def of(sink: ListSink, kind: str) -> list[Event]:
    return [event for event in sink.events if event.kind == kind]


@pytest.mark.parametrize("overload", [2, 5])
def test_overload_is_dropped_and_told_and_what_is_served_is_fresh(overload: int) -> None:
    stage = MeanStage(rate_hz=25.0, hook=sleeps(0.04 * overload))
    engine = Engine([stage], live=LivePolicy(budget_ms=300))
    sinks = run(engine, FakeFeed(range(0, 1600, 40)))
    assert_sound(engine, sinks)
    (lane,) = engine.lanes
    ledger = lane.stages[0].edge.ledger
    assert ledger.captured == 40
    assert ledger.dropped["superseded"] > 12
    assert ledger.served == len(of(sinks[0], "measurement"))
    service_ns = lane.stages[0].service.max_ns
    assert lane.stages[0].age.percentile_ns(99) <= 300_000_000 + service_ns
    assert len(of(sinks[0], "drop")) <= 3


def test_a_windowed_stage_under_overload_drops_stale_clips() -> None:
    stage = MeanStage(rate_hz=25.0, window=4, hook=sleeps(0.2))
    engine = Engine([stage], live=LivePolicy(budget_ms=200))
    sinks = run(engine, FakeFeed(range(0, 1200, 40)))
    assert_sound(engine, sinks)
    assert engine.lanes[0].stages[0].edge.ledger.dropped["stale"] > 5


def test_a_stream_that_stalls_does_not_delay_another() -> None:
    stage = MeanStage(rate_hz=25.0, max_batch=2)
    engine = Engine([stage], live=LIVE)
    sinks = run(
        engine,
        FakeFeed(range(0, 1600, 40), stream_id="a"),
        FakeFeed(range(0, 800, 40), stream_id="b", stall=(10, 1.0)),
    )
    assert_sound(engine, sinks)
    first = engine.lanes[0].stages[0]
    assert first.edge.ledger.served >= 35
    assert first.age.percentile_ns(50) < 60_000_000
    assert engine.lanes[1].stages[0].edge.ledger.served >= 15


def test_no_stream_starves_when_there_are_more_than_a_batch_holds() -> None:
    stage = MeanStage(rate_hz=25.0, hook=sleeps(0.04))
    engine = Engine([stage], live=LIVE)
    sinks = run(engine, *(FakeFeed(range(0, 1200, 40), stream_id=f"s{n}") for n in range(3)))
    assert_sound(engine, sinks)
    served = [lane.stages[0].edge.ledger.served for lane in engine.lanes]
    assert min(served) >= max(served) - 3
    assert min(served) >= 4


def test_live_batches_are_filled_over_all_streams() -> None:
    stage = MeanStage(rate_hz=25.0, max_batch=3, hook=sleeps(0.06))
    engine = Engine([stage], live=LIVE)
    run(engine, *(FakeFeed(range(0, 600, 40), stream_id=f"s{n}") for n in range(3)))
    assert max(stage.batches) == 3


def test_a_stage_that_is_never_shed_goes_first() -> None:
    order: list[str] = []
    slow = MeanStage("slow", rate_hz=25.0, shed_order=10, hook=sleeps(0.05))
    privacy = MeanStage("z", rate_hz=5.0, hook=lambda works: order.append("z"))
    engine = Engine([slow, privacy], live=LIVE)
    sinks = run(engine, FakeFeed(range(0, 1200, 40)))
    assert_sound(engine, sinks)
    assert len(order) == 6
    assert engine.lanes[0].stages[1].age.max_ns < 500_000_000


def test_a_slow_stage_holds_nobody_longer_than_the_watermark_and_is_late() -> None:
    came: list[tuple[str, int, float]] = []

    class Timed(ListSink):
        def put(self, events: Sequence[Event]) -> None:
            super().put(events)
            came.extend((event.stage, event.end_ns, time.monotonic()) for event in events)

    slow = MeanStage("slow", rate_hz=25.0, device="cpu:1", hook=sleeps(0.8))
    quick = MeanStage("quick", rate_hz=25.0)
    engine = Engine([slow, quick], live=LivePolicy(late_ms=300, budget_ms=200))
    sink = Timed()
    began = time.monotonic()
    engine.add(FakeFeed(range(0, 2400, 40)), sink, "run")
    engine.run()
    assert_sound(engine, [sink])
    ledger = engine.lanes[0].stages[0].edge.ledger
    assert ledger.dropped["late"] >= 2
    assert ledger.served == len([e for e in of(sink, "measurement") if e.stage == "slow"])
    waits = [at - began - end_ns / 1e9 for stage, end_ns, at in came if stage == "quick"]
    assert max(waits) < 0.3 + 0.4
    late = [event for event in of(sink, "drop") if event.payload["cause"] == "late"]
    assert {event.payload["edge"] for event in late} == {"slow"}


def test_state_is_kept_over_a_late_result() -> None:
    slow = MeanStage("slow", rate_hz=2.0, hook=lambda works: time.sleep(
        0.45 if works[0].clip.index == 0 else 0.0))  # fmt: skip
    engine = Engine([slow], live=LivePolicy(late_ms=150))
    (sink,) = run(engine, FakeFeed(range(0, 1600, 40), values=[10] * 40))
    assert engine.lanes[0].stages[0].edge.ledger.dropped == {"late": 1}
    assert [e.payload["value"] for e in of(sink, "measurement")] == [20.0, 30.0, 40.0]


def test_a_stage_does_not_wait_for_its_provider_for_ever() -> None:
    with_input: list[bool] = []

    def note(works: Sequence[Work]) -> None:
        with_input.extend("level" in work.inputs for work in works)

    def stall(works: Sequence[Work]) -> None:
        time.sleep(1.0 if works[0].clip.index == 2 else 0.0)

    provider = MeanStage("provider", provides=("level",), hook=stall)
    consumer = MeanStage("consumer", rate_hz=5.0, needs=("level",), device="cpu:1", hook=note)
    consumer_fresh = MeanStage("lone", rate_hz=5.0, device="cpu:2")
    engine = Engine([provider, consumer, consumer_fresh], live=LivePolicy(late_ms=600))
    sinks = run(engine, FakeFeed([*range(0, 200, 40), *range(1000, 2200, 40)]))
    assert_sound(engine, sinks)
    assert with_input[0]
    assert len([e for e in of(sinks[0], "measurement") if e.stage == "consumer"]) >= 7
    assert not all(with_input)


def test_streams_are_added_and_removed_while_the_engine_runs() -> None:
    engine = Engine([MeanStage(rate_hz=25.0)], live=LIVE)
    thread = in_background(engine)
    sinks = {name: ListSink() for name in "abc"}
    epochs: list[Epoch] = []
    frames: list[int] = []
    lane = engine.add(FakeFeed(range(0, 60_000, 40), stream_id="a"), sinks["a"], "run")
    lane.on_epoch, lane.on_frame = epochs.append, lambda frame: frames.append(frame.seq)
    until(lambda: len(sinks["a"].events) > 3)
    engine.add(FakeSource(range(0, 60_000, 40), stream_id="b", pace_s=0.02), sinks["b"], "run")
    until(lambda: len(sinks["b"].events) > 3)
    removed = engine.remove("a")
    assert removed is lane
    assert removed.source.closed  # type: ignore[attr-defined]
    assert removed.stages[0].edge.ledger.balances
    assert "abandoned" not in removed.stages[0].edge.ledger.dropped
    assert [stream.stream_id for stream in engine.snapshot().streams] == ["b"]
    assert 'stream="a"' in engine.metrics()
    count = len(sinks["b"].events)
    until(lambda: len(sinks["b"].events) > count + 3)
    engine.add(FakeFeed(range(0, 60_000, 40), stream_id="a"), sinks["c"], "run")
    until(lambda: len(sinks["c"].events) > 3)
    assert thread.is_alive()
    engine.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert_sound(engine, [sinks["b"], sinks["c"]])
    assert frames
    assert all("abandoned" not in lane.stages[0].edge.ledger.dropped for lane in engine.lanes)


def test_a_stream_whose_stage_hangs_can_be_removed() -> None:
    never = threading.Event()
    stage = MeanStage(hook=lambda works: never.wait(20), latency_budget_ms=1e9)
    engine = Engine([stage], live=LIVE)
    sink = ListSink()
    engine.add(FakeFeed(range(0, 60_000, 40)), sink, "run")
    thread = in_background(engine)
    until(lambda: bool(stage.batches))
    began = time.monotonic()
    lane = engine.remove("s0")
    assert time.monotonic() - began < 4
    never.set()
    assert lane.stages[0].edge.ledger.balances
    engine.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_load_is_shed_step_by_step_told_and_taken_back() -> None:
    slow = threading.Event()
    slow.set()

    def work(works: Sequence[Work]) -> None:
        if slow.is_set():
            time.sleep(0.12)

    stage = MeanStage("depth", rate_hz=25.0, shed_order=30, hook=work)
    privacy = MeanStage("privacy", rate_hz=5.0, device="cpu/privacy")
    policy = LivePolicy(budget_ms=100, down_s=0.3, up_s=0.5, recover=0.9)
    engine = Engine([stage, privacy], live=policy)
    sink = ListSink()
    lane = engine.add(FakeFeed(range(0, 60_000, 40)), sink, "run")
    thread = in_background(engine)
    until(lambda: lane.stages[0].thin == 0)
    slow.clear()
    until(lambda: lane.stages[0].thin == 1)
    engine.stop()
    thread.join(5)
    assert_sound(engine, [sink])
    steps = of(sink, "load_shed")
    rates = [(step.payload["from_rate_hz"], step.payload["to_rate_hz"]) for step in steps]
    assert rates[:3] == [(25.0, 12.5), (12.5, 6.25), (6.25, 0.0)]
    assert rates[-1] == (12.5, 25.0)
    assert {step.payload["stage"] for step in steps} == {"depth"}
    assert steps[-1].payload["count"] > 0
    assert lane.stages[0].edge.ledger.dropped["shed"] >= steps[-1].payload["count"]
    assert "shed" not in lane.stages[1].edge.ledger.dropped


def test_a_source_that_fails_leaves_the_others_running() -> None:
    engine = Engine([MeanStage(rate_hz=25.0)], live=LIVE)
    broken = FakeFeed(range(0, 800, 40), stream_id="a", raises=(10, SourceError("gone")))
    sinks = run(engine, broken, FakeFeed(range(0, 800, 40), stream_id="b"))
    assert_sound(engine, sinks)
    assert engine.lanes[0].failures == ["gone."]
    assert [event.payload["why"] for event in of(sinks[0], "error")] == ["gone."]
    assert len(of(sinks[1], "measurement")) >= 15
    assert engine.lanes[1].failures == []


def test_a_log_that_fails_ends_only_its_own_stream() -> None:
    class Full(ListSink):
        def put(self, events: Sequence[Event]) -> None:
            raise OutputError("The disk is full")

    engine = Engine([MeanStage(rate_hz=25.0)], live=LIVE)
    other = ListSink()
    engine.add(FakeFeed(range(0, 60_000, 40), stream_id="a"), Full(), "run")
    engine.add(FakeFeed(range(0, 800, 40), stream_id="b"), other, "run")
    engine.run()
    assert "The disk is full" in engine.lanes[0].failures[0]
    assert len(of(other, "measurement")) >= 15
    assert all(lane.stages[0].edge.ledger.balances for lane in engine.lanes)


def test_a_live_source_without_a_policy_states_what_a_recording_states() -> None:
    def stages() -> list[MeanStage]:
        return [MeanStage("a", rate_hz=12.5, max_batch=4), MeanStage("b", window=3)]

    stamps = range(0, 1200, 40)
    recorded, live = Engine(stages()), Engine(stages())
    (offline,) = run(recorded, FakeSource(stamps))
    (online,) = run(live, FakeFeed(stamps, speed=2.0))
    assert online.canonical() == offline.canonical()
    assert [s.batches for s in live.stages] == [s.batches for s in recorded.stages]  # type: ignore[attr-defined]


def test_without_overload_a_live_policy_states_what_a_recording_states() -> None:
    stages = lambda: [MeanStage("a", rate_hz=12.5), MeanStage("b", window=3)]  # noqa: E731
    (offline,) = run(Engine(stages()), FakeSource(range(0, 1200, 40)))
    engine = Engine(stages(), live=LivePolicy(late_ms=5000, budget_ms=5000))
    (online,) = run(engine, FakeFeed(range(0, 1200, 40)))
    if not of(online, "drop"):  # a machine that stood still for 80 ms drops a frame
        assert online.canonical() == offline.canonical()


def test_announcements_of_a_feed_are_stated_at_its_newest_frame() -> None:
    drafts = [Draft("error", RefusalPayload(text, "why", "remedy")) for text in ("one", "two")]
    engine = Engine([MeanStage(rate_hz=25.0)], live=LIVE)
    sinks = run(engine, FakeFeed(range(0, 400, 40), announce={3: drafts}))
    assert_sound(engine, sinks)
    errors = of(sinks[0], "error")
    assert [event.payload["what"] for event in errors] == ["one", "two"]
    assert {event.start_ns for event in errors} == {120_000_000}


def test_a_snapshot_and_the_metrics_tell_how_a_feed_fares() -> None:
    engine = Engine([MeanStage(rate_hz=10.0, stride=2)], live=LIVE)
    engine.add(FakeFeed([0, 40]), ListSink(), "run")
    (before,) = engine.snapshot().streams
    assert (before.age_ms, before.frames) == (None, 0)
    engine.run()
    (after,) = engine.snapshot().streams
    assert after.live is not None
    assert after.frames == 2
    assert after.stages[0].rate_hz == 5.0
    assert after.stages[0].served == 1
    assert after.stages[0].age_p99_ms is not None
    text = engine.metrics()
    assert 'videoengine_stage_rate_hz{stream="s0",stage="mean"} 5' in text
    assert 'videoengine_recorded_bytes_total{stream="s0"} 5' in text
    assert "# HELP videoengine_stream_live" in text
    assert 'videoengine_stream_live{stream="s0"} 0' in text
