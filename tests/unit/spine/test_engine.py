"""The engine: order, batches, failures, shutdown, checkpoints; with streams in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support.fakes import FakeSource, ListSink, MeanStage

from videoengine.edges import EdgeConfig
from videoengine.engine import Engine
from videoengine.errors import UsageError
from videoengine.stages import Work

FPS25 = range(0, 60_000, 40)


def run(stages: Sequence[Any], source: FakeSource, **options: Any) -> tuple[ListSink, Engine]:
    sink = ListSink()
    engine = Engine(stages, **options)
    engine.add(source, sink, "run")
    engine.run()
    return sink, engine


def assert_balanced(engine: Engine) -> None:
    for lane in engine.lanes:
        for stage in lane.stages:
            assert stage.edge.ledger.balances, stage.edge.ledger


def test_events_come_in_the_order_of_frames_then_stages_whatever_thread_is_quicker() -> None:
    def slow(works: Sequence[Work]) -> None:
        time.sleep(0.002)

    slow_stage = MeanStage("slow", rate_hz=5.0, device="cpu:0", hook=slow)
    quick_stage = MeanStage("quick", rate_hz=25.0, device="cpu:1")
    sink, engine = run([slow_stage, quick_stage], FakeSource(range(0, 4000, 40)))
    order = [(event.end_ns, ["slow", "quick"].index(event.stage)) for event in sink.events]
    assert order == sorted(order)
    assert len(order) == 100 + 20
    assert_balanced(engine)


def test_a_stage_samples_the_first_frame_at_or_after_each_tick() -> None:
    stamps = [0, 100, 190, 210, 400, 390 + 30, 1000, 1001, 1200]
    sink, _ = run([MeanStage(rate_hz=5.0)], FakeSource(stamps))
    assert [event.start_ns // 1_000_000 for event in sink.events] == [0, 210, 400, 1000, 1200]


def test_an_event_covers_first_stamp_to_last_stamp_plus_duration() -> None:
    sink, _ = run([MeanStage(rate_hz=5.0, window=3)], FakeSource(range(0, 1000, 40)))
    first = sink.events[0]
    assert (first.start_ns, first.end_ns) == (0, 440_000_000)


def test_no_clip_spans_two_epochs_and_each_gap_is_one_event() -> None:
    stamps = [*range(0, 1000, 40), *range(5000, 6000, 40), *range(2000, 3000, 40)]
    sink, engine = run([MeanStage(rate_hz=5.0, window=2)], FakeSource(stamps))
    gaps = [event for event in sink.events if event.kind == "gap"]
    assert [gap.payload["cause"] for gap in gaps] == ["hole", "backward_jump"]
    assert gaps[0].payload["duration_ns"] == (5000 - 1000) * 1_000_000
    assert gaps[1].payload["duration_ns"] == 0
    for event in sink.events:
        assert event.end_ns - event.start_ns < 1_000_000_000
        assert {row["epoch"] for row in event.evidence} <= {event.epoch, event.epoch - 1}
    sums = [event.payload["value"] for event in sink.events if event.kind == "measurement"]
    assert sums[4] < sums[3], "the state restarts with the epoch"
    assert [epoch.offset_ns for epoch in engine.lanes[0].epochs] == [
        0,
        5_000_000_000,
        6_000_000_000,
    ]


def test_the_last_frame_of_an_epoch_is_sampled_for_stages_that_ask() -> None:
    sink, _ = run([MeanStage(rate_hz=1.0, samples_last=True)], FakeSource(range(0, 2400, 40)))
    assert [event.start_ns // 1_000_000 for event in sink.events] == [0, 1000, 2000, 2360]


@pytest.mark.parametrize("pace", [0.0, 0.002])
def test_batches_are_cut_at_media_times_however_fast_the_source_is(pace: float) -> None:
    stage = MeanStage(rate_hz=25.0, max_batch=8)
    run([stage], FakeSource(range(0, 1200, 40), pace_s=pace))
    assert stage.batches == [8, 8, 8, 6]


def test_a_stage_gets_the_newest_array_of_its_provider_that_is_not_later() -> None:
    seen: list[tuple[int, float]] = []

    def note(works: Sequence[Work]) -> None:
        for work in works:
            array = work.inputs.get("level")
            seen.append((work.clip.last.seq, float("nan") if array is None else array.array[0]))

    consumer = MeanStage("consumer", rate_hz=25.0, needs=("level",), hook=note, device="cpu:1")
    provider = MeanStage("provider", rate_hz=5.0, provides=("level",), max_batch=2)
    run([consumer, provider], FakeSource(range(0, 1000, 40)))
    assert seen == [(seq, float(seq // 5 * 5)) for seq in range(25)]


def test_a_slow_consumer_of_one_array_finds_it_though_another_array_is_used_up() -> None:
    seen: list[tuple[int, float]] = []

    def note(works: Sequence[Work]) -> None:
        time.sleep(0.01)
        seen.extend((w.clip.last.seq, float(w.inputs["slow"].array[0])) for w in works)

    provider = MeanStage("provider", rate_hz=25.0, provides=("quick", "slow"))
    quick = MeanStage("quick", rate_hz=25.0, needs=("quick",), device="cpu:1")
    slow = MeanStage("slow", rate_hz=25.0, needs=("slow",), hook=note, device="cpu:2")
    run([provider, quick, slow], FakeSource(range(0, 1000, 40)))
    assert seen == [(seq, float(seq)) for seq in range(25)]


def test_arrays_are_held_only_while_a_stage_may_still_ask_for_them() -> None:
    def fail(works: Sequence[Work]) -> None:
        raise RuntimeError("no")

    provider = MeanStage("provider", rate_hz=25.0, provides=("level", "unused"))
    for hook in (None, fail):
        consumer = MeanStage("consumer", rate_hz=5.0, needs=("level",), hook=hook)
        _, engine = run([provider, consumer], FakeSource(FPS25))
        outputs = engine.lanes[0].stages[0].outputs
        assert set(outputs) == {"level"}
        assert len(outputs["level"]) < 20


def test_a_missing_provider_names_the_nearest_array() -> None:
    stages = [MeanStage("a", provides=("depth",)), MeanStage("b", needs=("dpeth",))]
    with pytest.raises(UsageError, match="Did you mean 'depth'"):
        Engine(stages)


def test_a_circle_of_needs_is_refused() -> None:
    stages = [
        MeanStage("a", provides=("x",), needs=("y",)),
        MeanStage("b", provides=("y",), needs=("x",)),
    ]
    with pytest.raises(UsageError, match="circle"):
        Engine(stages)


def test_a_stage_that_does_not_cover_the_modality_states_one_refusal_and_nothing_else() -> None:
    stages = [MeanStage("colon", modalities=("colonoscopy",)), MeanStage("any")]
    source = FakeSource([*range(0, 12_000, 40), *range(20_000, 22_000, 40)])
    sink, engine = run(stages, source, modality="laparoscopy")
    own = [event for event in sink.events if event.stage == "colon"]
    assert [event.kind for event in own] == ["refusal"]
    assert "this is not stated in laparoscopy" in own[0].payload["why"]
    assert len([event for event in sink.events if event.stage == "any"]) == 70
    assert engine.lanes[0].stages[0].edge.ledger.captured == 0
    allowed, _ = run(
        [MeanStage("colon", modalities=("laparoscopy",))],
        FakeSource([0, 40]),
        modality="laparoscopy",
    )
    assert [event.kind for event in allowed.events] == ["measurement"]


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="same name"):
        Engine([MeanStage(), MeanStage()])


def test_a_stage_that_raises_costs_its_clip_and_its_state_not_the_run() -> None:
    def fail_once(works: Sequence[Work]) -> None:
        if works[0].clip.index == 4:
            raise RuntimeError("rtsp://user:secret@host went away")

    sink, engine = run([MeanStage(hook=fail_once), MeanStage("other")], FakeSource(FPS25))
    errors = [event for event in sink.events if event.kind == "error"]
    assert len(errors) == 1
    assert "secret" not in errors[0].canonical()
    own = [e for e in sink.events if e.stage == "mean" and e.kind == "measurement"]
    assert len(own) == 299
    assert own[4].payload["value"] == own[4].payload["low"], "the sum restarted"
    assert len([e for e in sink.events if e.stage == "other"]) == 300
    assert engine.lanes[0].stages[0].edge.ledger.dropped == {"error": 1}
    assert_balanced(engine)


@pytest.mark.parametrize(
    "answer", [lambda works: [], lambda works: [None] * len(works), lambda works: "no"]
)
def test_a_stage_that_answers_wrongly_has_failed(answer: Any) -> None:
    sink, engine = run([MeanStage(hook=answer)], FakeSource(range(0, 1000, 40)))
    assert [event.kind for event in sink.events] == ["error"] * 3
    assert engine.lanes[0].stages[0].disabled
    assert_balanced(engine)


def test_three_failures_in_a_minute_disable_the_stage_and_slower_ones_do_not() -> None:
    def every_10_s(works: Sequence[Work]) -> None:
        if works[0].clip.last.pts_ns % 10_000_000_000 == 0:
            raise ValueError("again")

    def every_40_s(works: Sequence[Work]) -> None:
        if works[0].clip.last.pts_ns % 40_000_000_000 == 0:
            raise ValueError("again")

    often, engine = run([MeanStage(hook=every_10_s)], FakeSource(FPS25))
    assert [event.kind for event in often.events].count("error") == 3
    assert engine.lanes[0].stages[0].edge.ledger.dropped["disabled"] > 100
    seldom, engine = run([MeanStage(hook=every_40_s)], FakeSource(range(0, 200_000, 40)))
    assert [event.kind for event in seldom.events].count("error") == 5
    assert not engine.lanes[0].stages[0].disabled


def test_a_stage_that_hangs_is_abandoned_and_the_run_goes_on() -> None:
    release = threading.Event()

    def hang(works: Sequence[Work]) -> None:
        if works[0].clip.index == 2:
            release.wait(30)

    stage = MeanStage(hook=hang, latency_budget_ms=50.0)
    sink, engine = run([stage, MeanStage("other")], FakeSource(range(0, 2000, 40)))
    release.set()
    assert [e.kind for e in sink.events if e.stage == "mean"].count("error") == 1
    assert engine.lanes[0].stages[0].edge.ledger.dropped == {"timeout": 1}
    assert len([e for e in sink.events if e.stage == "other"]) == 10
    assert_balanced(engine)


def test_close_returns_within_five_seconds_of_a_stage_that_never_returns() -> None:
    never = threading.Event()
    stage = MeanStage(hook=lambda works: never.wait(), latency_budget_ms=1e9)
    engine = Engine([stage])
    source = FakeSource(FPS25)
    engine.add(source, ListSink(), "run")
    runner = threading.Thread(target=engine.run, daemon=True)
    runner.start()
    while not stage.batches:
        time.sleep(0.01)
    began = time.monotonic()
    engine.close()
    runner.join(5)
    assert not runner.is_alive()
    assert time.monotonic() - began < 5
    never.set()
    ledger = engine.lanes[0].stages[0].edge.ledger
    assert ledger.balances
    assert ledger.dropped["abandoned"] > 0


def test_an_error_of_the_sink_ends_the_run_and_is_raised() -> None:
    class Full(ListSink):
        def put(self, events: Sequence[Any]) -> None:
            raise OSError("no space left")

    engine = Engine([MeanStage()])
    source = FakeSource(FPS25)
    engine.add(source, Full(), "run")
    with pytest.raises(OSError, match="no space"):
        engine.run()
    assert source.closed
    assert_balanced(engine)


def test_a_source_that_ends_early_is_an_error_event() -> None:
    sink, engine = run([MeanStage()], FakeSource(range(0, 1000, 40), failure="cut in half"))
    assert sink.events[-1].kind == "error"
    assert "cut in half" in sink.events[-1].payload["why"]
    assert engine.lanes[0].failures == ["cut in half"]


def test_an_output_is_unchanged_when_the_future_changes() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 255, 500)
    changed = values.copy()
    changed[250:] = rng.integers(0, 255, 250)
    stages = lambda: [MeanStage(rate_hz=12.5, window=4, max_batch=4)]  # noqa: E731
    one, _ = run(stages(), FakeSource(range(0, 20_000, 40), values=list(values)))
    two, _ = run(stages(), FakeSource(range(0, 20_000, 40), values=list(changed)))
    cut = 250 * 40 * 1_000_000
    assert [e.canonical() for e in one.events if e.end_ns <= cut] == [
        e.canonical() for e in two.events if e.end_ns <= cut
    ]
    assert one.canonical() != two.canonical()


@pytest.mark.parametrize("every", range(6))
def test_a_run_resumed_from_any_checkpoint_states_the_same(every: int) -> None:
    stamps = [*range(0, 23_000, 40), *range(30_000, 61_000, 40)]

    def stages() -> list[MeanStage]:
        return [
            MeanStage("a", rate_hz=5.0, provides=("level",), max_batch=4),
            MeanStage("b", rate_hz=12.5, window=5, needs=("level",)),
            MeanStage("d", rate_hz=7.0, window=4, stride=3),
            MeanStage("c", rate_hz=5.0, samples_last=True),
        ]

    whole, engine = run(stages(), FakeSource(stamps))
    assert len(whole.checkpoints) == 6
    row = whole.checkpoints[every]
    sink = ListSink()
    again = Engine(stages())
    lane = again.add(FakeSource(stamps), sink, "run")
    lane.decode(row, time.monotonic_ns())
    again.run()
    assert whole.canonical()[row["events_before"] :] == sink.canonical()
    assert lane.ledger() == engine.lanes[0].ledger()
    assert lane.epochs == engine.lanes[0].epochs


def test_events_the_log_holds_already_are_not_stated_twice() -> None:
    whole, _ = run([MeanStage()], FakeSource(FPS25))
    sink = ListSink()
    engine = Engine([MeanStage()])
    lane = engine.add(FakeSource(FPS25), sink, "run")
    lane.known = frozenset(event.key for event in whole.events[:100])
    engine.run()
    assert sink.canonical() == whole.canonical()[100:]


def test_until_stops_at_the_case_time_asked_for() -> None:
    sink = ListSink()
    engine = Engine([MeanStage()])
    engine.add(FakeSource([*range(0, 2000, 40), *range(9000, 30_000, 40)]), sink, "run")
    engine.run(until_ns=10_000_000_000)
    assert sink.events[-1].start_ns == 9_800_000_000


def test_streams_of_one_engine_do_not_touch_each_other() -> None:
    alone = [
        run([MeanStage(max_batch=4)], FakeSource(range(0, 8000, step), stream_id=name))[0]
        for name, step in (("a", 40), ("b", 33))
    ]
    engine = Engine([MeanStage(max_batch=4)])
    sinks = [ListSink(), ListSink()]
    engine.add(FakeSource(range(0, 8000, 40), stream_id="a"), sinks[0], "run")
    engine.add(FakeSource(range(0, 8000, 33), stream_id="b"), sinks[1], "run")
    engine.run()
    assert [sink.canonical() for sink in sinks] == [sink.canonical() for sink in alone]
    assert_balanced(engine)


@pytest.mark.parametrize("policy", ["latest", "drop_oldest", "drop_newest", "staleness"])
def test_an_overloaded_edge_drops_by_its_policy_and_counts_every_frame(policy: Any) -> None:
    def slow(works: Sequence[Work]) -> None:
        time.sleep(0.01)

    edge = EdgeConfig(2, policy, 15_000_000 if policy == "staleness" else 0)
    stage = MeanStage(rate_hz=25.0, hook=slow)
    sink, engine = run([stage], FakeSource(range(0, 4000, 40), pace_s=0.002), edge=edge)
    ledger = engine.lanes[0].stages[0].edge.ledger
    assert ledger.captured == 100
    assert ledger.balances
    assert sum(ledger.dropped.values()) > 10
    assert ledger.served == len(sink.events)


def test_metrics_name_every_stream_stage_and_outcome() -> None:
    _, engine = run([MeanStage()], FakeSource(FPS25))
    text = engine.metrics()
    assert 'videoengine_stage_service_seconds_count{stream="s0",stage="mean"} 300' in text
    assert 'videoengine_edge_items_total{stream="s0",edge="mean",outcome="served"} 300' in text


def test_a_stage_fed_at_the_pace_of_the_stream_states_what_it_states_offline() -> None:
    stages = lambda: [MeanStage(rate_hz=12.5, window=3, max_batch=4)]  # noqa: E731
    offline, _ = run(stages(), FakeSource(range(0, 2000, 40)))
    online, _ = run(stages(), FakeSource(range(0, 2000, 40), pace_s=0.02))
    assert online.canonical() == offline.canonical()
