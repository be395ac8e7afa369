from __future__ import annotations

import dataclasses
import itertools
import re
import threading
import time
import tracemalloc
from collections import deque
from fractions import Fraction
from typing import Any

import pytest
from support.fakes import ListSink, MeanStage
from support.simulated import FakeSimulation, small_plan

from videoengine.engine import Engine
from videoengine.errors import SourceError, UsageError
from videoengine.recon3d.simulator import source as module
from videoengine.recon3d.simulator.source import SimulatedSource
from videoengine.recon3d.simulator.studio import Studio
from videoengine.recon3d.simulator.take import Filming, Take
from videoengine.sources import HasTruth, Source, with_truth
from videoengine.streams import PacedSource


def opened(simulation: FakeSimulation | None = None, **options: Any) -> SimulatedSource:
    filming = Filming(size=(64, 64), **options)
    made: Any = simulation or FakeSimulation(small_plan())
    studio = Studio(Take(made.plan, filming), made)
    return SimulatedSource("sim://cholecystectomy?seed=1", studio, stream_id="s0")


def test_frames_are_stamped_exactly_and_none_is_rendered_unasked() -> None:
    simulation = FakeSimulation(small_plan())
    source: Source = opened(simulation, fps=Fraction(30_000, 1001))
    frames = list(source)
    assert [frame.pts for frame in frames] == list(range(300))
    assert source.info.time_base == Fraction(1001, 30_000)
    assert frames[299].pts_ns == round(299 * Fraction(1001, 30_000) * 10**9)
    assert source.info.frame_count == 300
    assert simulation.rendered == []
    assert frames[7].pixels.rgb().shape == (64, 64, 3)
    assert simulation.rendered == [(7, 7 * Fraction(1001, 30_000))]
    assert source.packets.to_json() == {"demuxed": 300, "decoded": 300, "skipped": {}}


def test_a_piece_begins_at_stamp_zero_and_shows_its_part() -> None:
    simulation = FakeSimulation(small_plan())
    filming = {"start_ns": 2 * 10**9, "duration_ns": 10**9, "fps": Fraction(10), "view": "left"}
    frames = list(opened(simulation, **filming))
    assert [frame.pts_ns for frame in frames] == [n * 100_000_000 for n in range(10)]
    assert {frame.view for frame in frames} == {"left"}
    assert frames[5].pixels.planes()[0][0, 0, 0] == 25
    assert simulation.rendered == [(5, Fraction(5, 2))]


def test_pixels_asked_for_by_many_threads_are_rendered_one_at_a_time() -> None:
    simulation = FakeSimulation(small_plan())
    frames = list(opened(simulation))[:40]
    threads = [threading.Thread(target=frame.pixels.rgb) for frame in frames for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number for number, _ in simulation.rendered} == set(range(40))


def test_a_resumed_source_goes_on_where_the_first_one_stood() -> None:
    whole = list(opened())
    first = opened()
    taken = list(itertools.islice(first, 120))
    second = opened()
    pixels = second.resume(first.position(), [100, 119])
    assert sorted(pixels) == [100, 119]
    assert (pixels[100].rgb() == taken[100].pixels.rgb()).all()
    rest = list(second)
    stamps = [(f.seq, f.epoch, f.pts, f.pts_ns, f.duration_ns) for f in [*taken, *rest]]
    assert stamps == [(f.seq, f.epoch, f.pts, f.pts_ns, f.duration_ns) for f in whole]
    assert second.packets.decoded == 250


def test_another_procedure_or_another_picture_is_not_resumed() -> None:
    first = opened()
    next(iter(first))
    position = first.position()
    with pytest.raises(SourceError, match="not the video that was read before"):
        opened(FakeSimulation(small_plan(seed=2))).resume(position, [])
    with pytest.raises(SourceError, match="the simulator has changed"):
        opened().resume({**position, "check": 1}, [])


def test_an_hour_of_frames_keeps_nothing_behind() -> None:
    phase = dataclasses.replace(small_plan().phases[0], end=90_000)
    hour = dataclasses.replace(small_plan(), ticks=90_000, phases=(phase,))
    simulation = FakeSimulation(hour)
    simulation.rendered = deque(maxlen=1)
    source = opened(simulation, fps=Fraction(5))
    frames = iter(source)
    next(frames)
    tracemalloc.start()
    try:
        count = sum(1 for _ in frames)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 18_000 - 1
    assert peak < 100_000


def test_sampled_frames_are_rendered_in_order_by_the_thread_of_the_source() -> None:
    simulation = FakeSimulation(small_plan())
    slow = MeanStage("slow", rate_hz=3.0, hook=lambda _: time.sleep(0.01), device="cpu/slow")
    engine = Engine([slow, MeanStage("quick", rate_hz=7.0)])
    engine.add(opened(simulation), ListSink(), "run")
    engine.run()
    numbers = [number for number, _ in simulation.rendered]
    assert numbers == sorted(set(numbers))
    assert 80 < len(numbers) < 110
    assert simulation.threads == {"source-s0"}


def test_a_closed_source_ends() -> None:
    source = opened()
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_truth_states_the_kinds_of_the_log() -> None:
    source = opened()
    frames = list(source)
    assert isinstance(source, HasTruth)
    truth = source.truth(frames[50])
    kinds = [event.kind for event in truth.events]
    assert kinds == [
        "procedure", "phase", "anticipation", "measurement",
        "privacy", "quality", "instrument", "triplet",
    ]  # fmt: skip
    assert {event.stage for event in truth.events} == {"truth"}
    assert {(event.start_ns, event.end_ns) for event in truth.events} == {
        (2 * 10**9, 2_040_000_000)
    }
    assert truth.of("phase")[0].payload["label"]["name"] == "Preparation"
    assert truth.of("anticipation")[0].payload["in_seconds"] == 2.0
    assert truth.of("instrument")[0].payload["box"] is None
    assert source.truth(frames[0]).of("instrument")[0].payload["label"] is None
    assert len({event.key for event in truth.events}) == len(truth.events)


def test_truth_out_of_the_body_says_so_and_names_no_instrument() -> None:
    source = opened()
    frames = list(source)
    truth = source.truth(frames[110])
    assert truth.of("privacy")[0].payload["decision"] == "blank"
    assert not truth.of("instrument")
    assert not truth.of("quality")


def test_soiling_lasts_from_a_soiling_to_the_wipe() -> None:
    source = opened()
    frames = list(source)
    soiling = [source.truth(frames[n]).of("quality")[0].payload["soiling"] for n in (149, 150, 199)]
    assert soiling == [0.0, 0.7, 0.7]
    assert source.truth(frames[200]).of("quality")[0].payload["soiling"] == 0.0


def test_truth_with_arrays_renders_each_frame_once_and_states_boxes() -> None:
    simulation = FakeSimulation(small_plan())
    source = opened(simulation, start_ns=2 * 10**9, duration_ns=400_000_000)
    for frame, truth in with_truth(source, arrays=("mask/tool", "depth")):
        frame.pixels.rgb()
        assert [array.name for array in truth.arrays] == ["depth", "mask/tool"]
        assert truth.array("depth").scale == "mm"
        assert truth.of("instrument")[0].payload["box"] == [0.1, 0.2, 0.3, 0.4]
    assert [number for number, _ in simulation.rendered] == list(range(10))
    assert [frame.pts for frame, _ in with_truth(opened(duration_ns=10**9))] == list(range(25))


def test_an_unknown_array_is_refused_with_the_nearest_name() -> None:
    source = opened()
    with pytest.raises(UsageError, match="Did you mean 'depth'"):
        source.truth(next(iter(source)), arrays=["dept"])


def test_a_source_without_truth_is_refused() -> None:
    with pytest.raises(UsageError, match="Nothing is known of this video but its pictures"):
        with_truth(PacedSource(opened()))


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("sim://", "No procedure is named"),
        ("sim://?seed=1", "No procedure is named"),
        ("sim://folder/mine.toml", "whole path"),
        ("sim://x?sed=1", "Did you mean 'seed'"),
        ("sim://x?seed=1&seed=2", "given twice"),
        ("sim://x?seed=1#2", "no fragment"),
        ("sim://x?seed=-1", "0 to 2^63 - 1"),
        ("sim://x?seed=1.5", "0 to 2^63 - 1"),
        ("sim://x?seed=9223372036854775808", "0 to 2^63 - 1"),
        ("sim://x?seed=", "0 to 2^63 - 1"),
        ("sim://x?size=640", "WIDTHxHEIGHT"),
        ("sim://x?size=641x512", "Use 640x512"),
        ("sim://x?size=32x32", "64 to 4096"),
        ("sim://x?size=8192x64", "64 to 4096"),
        ("sim://x?fps=0", "1 to 120"),
        ("sim://x?fps=1e9", "no frame rate"),
        ("sim://x?fps=1/0", "no frame rate"),
        ("sim://x?fps=121", "1 to 120"),
        ("sim://x?fps=25/3000000", "frame"),
        ("sim://x?view=lef", "Did you mean 'left'"),
        ("sim://x?duration=0s", "duration above 0s"),
        ("sim://x?duration=soon", "90s, 2m, 1h30m"),
        ("sim://x?start=" + "9" * 5000 + "s", "too long"),
        ("sim://x?start=11s", "with seed 0 takes 10s"),
        ("sim://x?start=9s&duration=2s", "Ask for at most 1s from there"),
    ],
)
def test_a_bad_uri_says_what_is_allowed(
    uri: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "plan_of", lambda _, seed: small_plan(seed))
    with pytest.raises(UsageError, match=re.escape(says)):
        module.take_of(uri)
