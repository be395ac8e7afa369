"""Live equals replay equals offline, and a killed live run is finished to the same events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.clips import write_clip
from support.parity import shared_lines

from videoengine.apps.analyze import analyze, resume
from videoengine.apps.export import export
from videoengine.apps.live import live
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.media_time import Epoch
from videoengine.streams import LiveConfig
from videoengine.streams.live_archive import LiveArchive
from videoengine.streams.testing import RtspServer

SOAK = bool(os.environ.get("VIDEOENGINE_SOAK"))
SECOND = 10**9
CLIPS = (
    "cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4",
    "cholec80_clips/group22-VID23_35_and_VID45_138_b.mp4",
    "endonerf/pulling_gt.mp4",
)


def epochs_of(case: Case) -> list[Epoch]:
    return [Epoch.from_json(row) for row in case.manifest.epochs]


def served(clip: Path, out: Path, until_ns: int, *, pace: float = 0.0) -> Case:
    """Analyze a clip served over RTSP under the policy `lossless`."""
    with RtspServer(clip, start="beginning", pace=pace) as server:
        outcome = live(
            [server.url], out, modality="laparoscopy", policy="lossless", until_ns=until_ns,
            procedure="cholecystectomy", config=LiveConfig(lossless=True),
        )  # fmt: skip
    assert outcome[0].failures == ()
    return Case.open(outcome[0].case)


def offline(clip: Path, case: Path, until_ns: int, *, as_live: bool = False) -> Case:
    analyze(
        str(clip), case, modality="laparoscopy", until_ns=until_ns,
        procedure="cholecystectomy", as_live=as_live,
    )  # fmt: skip
    return Case.open(case)


@pytest.mark.slow
def test_live_and_replay_give_the_events_of_an_offline_run(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", stamps_ms=range(0, 4000, 40))
    truth = shared_lines(offline(clip, tmp_path / "offline", 3 * SECOND))
    assert len(truth) == 2 * 15 + 1  # 5 Hz, two stages; privacy samples the last frame too
    assert shared_lines(offline(clip, tmp_path / "replay", 3 * SECOND, as_live=True)) == truth
    assert shared_lines(served(clip, tmp_path / "cases", 3 * SECOND, pace=1.0)) == truth


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", CLIPS if SOAK else CLIPS[:1])
def test_a_real_clip_served_over_rtsp_gives_the_events_of_an_offline_run(
    name: str, shared: Path, tmp_path: Path
) -> None:
    clip = next(shared.glob(name[: name.rfind("/") + 8] + "*.mp4"))
    until_ns = (30 if SOAK else 8) * SECOND
    if "endonerf" in name:
        until_ns = 2 * SECOND
    truth = shared_lines(offline(clip, tmp_path / "offline", until_ns))
    live_case = served(clip, tmp_path / "cases", until_ns)
    assert shared_lines(live_case) == truth
    verify(live_case.path)
    frames = sum(1 for _ in LiveArchive(live_case.path, epochs_of(live_case)))
    written = export(live_case.path, "video", tmp_path / "gated.mp4")
    assert 0 < written.count <= frames
    if "group20" in name:
        assert "data:image/jpeg" in (live_case.path / "report.html").read_text()


LIVE = """
import sys
from videoengine.apps.live import live
from videoengine.streams import LiveConfig
url, out, until_ns = sys.argv[1:]
live([url], out, preset="basic", modality="laparoscopy", procedure="cholecystectomy",
     policy="lossless", until_ns=int(until_ns), config=LiveConfig(lossless=True))
"""


def killed(url: str, out: Path, until_ns: int, after_s: float) -> Path:
    """Start a live run in a process, kill it, and return its case."""
    child = subprocess.Popen([sys.executable, "-c", LIVE, url, str(out), str(until_ns)])
    deadline = time.monotonic() + 20
    while not list(out.glob("*/quarantine/*.ts")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    return next(path for path in out.iterdir() if not path.name.startswith("."))


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.7, 1.6] if not SOAK else [0.1 * n for n in range(1, 20)])
def test_what_was_recorded_before_a_kill_is_finished_to_the_events_of_an_offline_run(
    tmp_path: Path, after_s: float
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", stamps_ms=range(0, 8000, 40))
    with RtspServer(clip, start="beginning") as server:
        path = killed(server.url, tmp_path / "cases", 60 * SECOND, after_s)
    outcome = resume(path)
    case = Case.open(path)
    verify(path)
    assert outcome.frames > 5
    seconds = outcome.media_ns
    truth = shared_lines(offline(clip, tmp_path / "offline", seconds))
    assert shared_lines(case) == truth


@pytest.mark.slow
def test_after_a_kill_the_feed_goes_on_in_a_new_epoch(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", stamps_ms=range(0, 8000, 40))
    with RtspServer(clip, start="beginning") as server:
        path = killed(server.url, tmp_path / "cases", 4 * SECOND, 1.0)
        resume(path, url=server.url)
    case = Case.open(path)
    verify(path)
    gaps = list(case.events("gap"))
    assert [gap.payload["cause"] for gap in gaps] == ["reconnect"]
    assert [event.payload["cause"] for event in case.events("reconnect")] == ["interrupted"]
    assert gaps[0].payload["duration_ns"] > 0
    assert case.timeline().end_ns >= 4 * SECOND - 40_000_000
    assert {event.epoch for event in case.events("privacy")} == {0, 1}
