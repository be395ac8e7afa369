"""Live under load: age keeps its budget, the recorder loses nothing, feeds leave each other alone.

CI runs 4 feeds for 12 s; `make soak` (VIDEOENGINE_SOAK=1) runs them for 10 minutes, with a kill a
minute, and prints the ages.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from support.fakes import ListSink, MeanStage
from support.made_videos import make_video, steady

from videoengine.apps.live import live
from videoengine.apps.live_run import LiveRun
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.engine import Engine
from videoengine.live_policy import LivePolicy
from videoengine.stages import Work
from videoengine.streams import LiveConfig, open_live
from videoengine.streams.testing import RtspServer

SOAK = bool(os.environ.get("VIDEOENGINE_SOAK"))
BUDGET_MS = 200.0
FEEDS = (
    ((160, 120), 25, "libx264"),
    ((320, 240), 30, "libx264"),
    ((128, 96), 10, "libx265"),
    ((640, 360), 50, "libx264"),
)
"""Size, pictures a second, codec."""


def made(folder: Path, size: tuple[int, int], fps: int, codec: str, seconds: int = 4) -> Path:
    options = {"bf": "0", "g": str(fps), "preset": "ultrafast"}
    if codec == "libx265":
        options["x265-params"] = f"log-level=none:bframes=0:keyint={fps}"
    stamps = steady(fps * seconds, step=90_000 // fps)
    return make_video(folder / f"{fps}.mp4", stamps, size=size, codec=codec, options=options)


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, 5])
def test_under_overload_age_keeps_its_budget_and_the_recorder_loses_no_packet(
    times: int, tmp_path: Path
) -> None:
    clip = made(tmp_path, (64, 48), 25, "libx264")
    service_s = times * 0.04

    def slow(works: Sequence[Work]) -> None:
        time.sleep(service_s)

    folder = tmp_path / "quarantine"
    folder.mkdir()
    sink = ListSink()
    policy = LivePolicy(budget_ms=BUDGET_MS, down_s=1e9)  # no ladder: the edge alone
    engine = Engine([MeanStage("slow", rate_hz=25.0, hook=slow)], live=policy, checkpoints=False)
    with RtspServer(clip, start="beginning") as server:
        source = open_live(server.url, quarantine=folder)
        lane = engine.add(source, sink, "run")
        threading.Timer(4.0, engine.stop).start()
        engine.run()
        # The reader goes on while the engine ends: nothing it read may be missing in the recording.
        source.close()
    stage = lane.stages[0]
    assert stage.age.percentile_ns(99) <= (BUDGET_MS / 1000 + service_s) * 1e9 * 1.125
    assert stage.edge.ledger.balances
    ledger = stage.edge.ledger
    assert sum(ledger.dropped.values()) > ledger.captured * (1 - 1 / times) * 0.7
    logged = sum(e.payload["count"] for e in sink.events if e.kind == "drop")
    abandoned = ledger.dropped.get("abandoned", 0)
    assert logged == sum(ledger.dropped.values()) - abandoned
    status = source.status()
    assert status.recorded_packets >= source.packets.demuxed
    assert sum(source.packets.skipped.values()) == source.packets.skipped.get("abandoned", 0)
    recorded: list[np.ndarray] = []
    for path in sorted(folder.iterdir()):
        with av.open(str(path)) as container:
            recorded += [frame.to_ndarray() for frame in container.decode(video=0)]
    assert len(recorded) == status.recorded_packets
    with av.open(str(clip)) as container:
        truth = [frame.to_ndarray() for frame in container.decode(video=0)]
    for number, picture in enumerate(recorded):
        np.testing.assert_array_equal(picture, truth[number % len(truth)])


@pytest.mark.slow
def test_four_feeds_run_side_by_side_while_one_after_the_other_is_killed(tmp_path: Path) -> None:
    seconds, pause_s = (600.0, 60.0) if SOAK else (11.0, 1.9)
    servers = [RtspServer(made(tmp_path, *feed), start="live") for feed in FEEDS]
    kills = [0] * len(servers)
    ages: dict[str, list[float | None]] = {}
    stop = threading.Event()

    def kill_in_turn(run: LiveRun) -> None:
        number = 0
        while not stop.wait(pause_s):
            server = servers[number % len(servers)]
            server.kill()
            stop.wait(0.3)
            server.restart()
            kills[number % len(servers)] += 1
            number += 1
            if time.monotonic() - began + pause_s > seconds - 1.5:
                break
        stop.wait(max(0.0, began + seconds - time.monotonic()))
        for row in run.engine.snapshot().streams:
            ages[row.stream_id] = [
                value for stage in row.stages for value in (stage.age_p50_ms, stage.age_p99_ms)
            ]
        run.stop()

    began = time.monotonic()
    threads: list[threading.Thread] = []

    def begin(run: LiveRun) -> None:
        threads.append(threading.Thread(target=kill_in_turn, args=(run,)))
        threads[0].start()

    try:
        outcomes = live(
            [server.url for server in servers], tmp_path / "cases", modality="laparoscopy",
            config=LiveConfig(watchdog_s=1.0), budget_ms=500.0, on_engine=begin,
        )  # fmt: skip
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for server in servers:
            server.close()
    print(json.dumps({"ages_ms_p50_p99_per_stage": ages, "kills": kills}))
    for number, outcome in enumerate(outcomes):
        assert outcome.failures == ()
        verify(outcome.case)
        case = Case.open(outcome.case)
        gaps = [event.payload["cause"] for event in case.events("gap")]
        assert gaps == ["reconnect"] * kills[number], (number, gaps)
        _, fps, _ = FEEDS[number]
        lost = kills[number] * 1.5 + 1.5
        assert outcome.frames > fps * (seconds - lost) * 0.8
