"""Live feeds into cases: names, ends, refusals, and what must not leak."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from support.events import NS, privacy
from support.fakes import TIME_BASE, ListSink, gray
from support.recordings import write_stamped

from videoengine.apps import cli, live_run
from videoengine.apps.analyze import analyze, resume
from videoengine.apps.export import export
from videoengine.apps.live import LiveRun, live
from videoengine.apps.live_run import _Opened
from videoengine.apps.preview import PreviewFeed
from videoengine.apps.session import resolved_config
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import OutputError, SourceError, UsageError
from videoengine.events import Draft
from videoengine.frames import Frame
from videoengine.media_time import EpochClock, Outage
from videoengine.sources import LiveStatus, PacketLedger, SourceInfo
from videoengine.streams import LiveConfig
from videoengine.streams.live_url import live_address

URL = "rtsp://surgeon:hunter2@10.0.0.7:8554/room?token=sesame"
SECRETS = ("hunter2", "surgeon", "sesame", "token")


class FakeFeed:
    """A feed of flat pictures at 25 frames a second of media time, given `pace` times as fast."""

    is_live = True
    failure: str | None = None

    def __init__(
        self, url: str, stream_id: str, *, frames: int = 10_000, lost_at: int = -1, pace: float = 8
    ) -> None:
        self._count, self._lost_at, self._pace = frames, lost_at, pace
        self.stopped = threading.Event()
        self.clock = EpochClock(stream_id, nominal_hint_ns=40_000_000)
        self.packets = PacketLedger()
        self.closed = False
        shown = live_address(url, LiveConfig()).shown
        self.info = SourceInfo(shown, "rtsp", "fake", "raw", (64, 36), TIME_BASE, None, None, None)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            if self.stopped.wait(0.04 / self._pace):
                return
            outage = Outage("stalled", 2 * NS, 3) if index == self._lost_at else None
            stamp = self.clock.stamp(index * 40, 40, TIME_BASE, "raw", outage)
            assert stamp is not None
            self.packets.demuxed += 1
            self.packets.decoded += 1
            yield Frame(
                self.clock.stream_id, "mono", stamp.epoch, index, stamp.pts, stamp.pts_ns,
                stamp.duration_ns, time.monotonic_ns(), stamp.pts_source, gray(index, (64, 36)),
            )  # fmt: skip
        while not self.stopped.wait(0.05):
            pass

    def status(self) -> LiveStatus:
        if self.packets.decoded:
            return LiveStatus("live", recorded_bytes=1000)
        return LiveStatus("backoff", attempts=3, last_failure="connection refused", retry_in_s=1.0)

    def announcements(self) -> Sequence[Draft]:
        return ()

    def stop(self) -> None:
        self.stopped.set()

    def position(self) -> dict[str, Any]:
        raise AssertionError("a live feed has no position")

    def resume(self, position: Any, replay: Any) -> Any:
        raise AssertionError("a live feed cannot be resumed")

    def close(self) -> None:
        self.stopped.set()
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[FakeFeed]]:
    """Return a function that makes `open_live` give fakes with these options."""

    def use(**options: Any) -> list[FakeFeed]:
        made: list[FakeFeed] = []

        def open_fake(url: str, *, stream_id: str, config: Any, quarantine: Path) -> FakeFeed:
            assert quarantine.is_dir()
            made.append(FakeFeed(url, stream_id, **options))
            return made[-1]

        monkeypatch.setattr(live_run, "open_live", open_fake)
        return made

    return use


def later(seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def text_of(case: Path) -> str:
    return "".join(path.read_text() for path in sorted(case.iterdir()) if path.is_file())


def test_each_feed_gets_a_whole_case_named_by_stream_and_run(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    made = feeds()
    outcomes = live([URL, "rtsp://host/b"], tmp_path / "day", names=["room-4"], until_ns=2 * NS)
    assert [outcome.failures for outcome in outcomes] == [(), ()]
    cases = [Case.open(outcome.case) for outcome in outcomes]
    assert {case.manifest.stream_id for case in cases} == {"room-4", "s0"}
    for case in cases:
        assert case.path.name == f"{case.manifest.stream_id}-{case.manifest.run_id[:8]}"
        verdict = verify(case.path)
        assert (verdict.runs_closed, verdict.runs_open, verdict.notes) == (1, 0, ())
        assert {"quality", "privacy"} <= set(verdict.kinds)
        assert (case.path / "metrics.prom").exists()
        assert len(case.manifest.epochs) == 1
    assert all(feed.closed for feed in made)


def test_no_credential_reaches_the_case_or_its_report(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds()
    (outcome,) = live([URL], tmp_path, until_ns=1 * NS)
    text = text_of(outcome.case)
    assert not [secret for secret in SECRETS if secret in text]
    assert Case.open(outcome.case).manifest.source is not None
    lines = list(Case.open(outcome.case).events("run"))
    assert [line.payload["state"] for line in lines] == ["opened", "closed"]
    assert lines[0].payload["source"] == "s0"
    assert "10.0.0.7" not in (outcome.case / "report.html").read_text()


@pytest.mark.parametrize("policy", ["live", "lossless"])
def test_an_interrupt_is_the_normal_end(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path, policy: str
) -> None:
    feeds()
    outcomes = live([URL], tmp_path, policy=policy, on_engine=lambda _: later(0.4, interrupt))
    assert outcomes[0].failures == ()
    assert outcomes[0].frames > 5
    (closed,) = [e for e in Case.open(outcomes[0].case).events("run") if e.payload["ledger"]]
    dropped = [row["dropped"] for row in closed.payload["ledger"].values()]
    assert not [causes for causes in dropped if "abandoned" in causes], "it ends in order"
    assert verify(outcomes[0].case).runs_closed == 1


def test_a_feed_that_never_gave_a_frame_is_a_failure_but_no_damage(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds(frames=0)
    (outcome,) = live([URL], tmp_path, on_engine=lambda run: later(0.2, run.stop))
    assert outcome.failures == ("s0 never gave a frame: connection refused",)
    verdict = verify(outcome.case)
    assert verdict.events == 0
    assert verdict.notes == ("The feed has not given a frame, so no run was opened",)


def test_streams_come_and_go_while_the_run_goes_on(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds()
    removed: list[Any] = []

    runs: list[LiveRun] = []

    def come_and_go(run: LiveRun) -> None:
        runs.append(run)

        def work() -> None:
            first = run.add(URL)
            second = run.add("rtsp://host/b", name="b")
            assert (first, second) == ("s0", "b")
            with pytest.raises(UsageError, match="one name"):
                run.add("rtsp://host/c", name="b")
            with pytest.raises(UsageError, match="no such stream"):
                run.remove("c")
            time.sleep(0.6)
            assert run.states() == {"s0": "live", "b": "live"}
            removed.append(run.remove("s0"))
            assert list(run.feeds()) == ["b"]
            run.stop()

        threading.Thread(target=work, daemon=True).start()

    outcomes = live([], tmp_path, on_engine=come_and_go)
    with pytest.raises(UsageError, match="has ended"):
        runs[0].add(URL)
    assert outcomes[0] is removed[0]
    assert [Case.open(o.case).manifest.stream_id for o in outcomes] == ["s0", "b"]
    for outcome in outcomes:
        assert outcome.failures == ()
        assert verify(outcome.case).runs_closed == 1


def test_an_epoch_is_in_the_manifest_as_soon_as_it_begins(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds(lost_at=75)
    seen: list[int] = []

    def look(_: Any) -> None:
        for path in tmp_path.iterdir():
            if not path.name.startswith("."):
                seen.append(len(Case.open(path).manifest.epochs))

    (outcome,) = live([URL], tmp_path, until_ns=6 * NS, tell=look)
    assert 1 in seen
    verdict = verify(outcome.case)
    assert verdict.kinds["gap"] == 1
    assert [row["cause"] for row in Case.open(outcome.case).manifest.epochs] == [
        "start", "reconnect",
    ]  # fmt: skip
    assert "There is no video for 2.0 s" in (outcome.case / "report.html").read_text()


@pytest.mark.parametrize(
    ("urls", "options", "says"),
    [
        (["/tmp/clip.mp4"], {}, "no live video"),
        ([URL], {"names": ["../x"]}, "cannot name"),
        ([URL, URL], {"names": ["a", "a"]}, "one name"),
        ([URL], {"names": ["a", "b"]}, "more names"),
        ([URL], {"record": "mp4"}, "--record"),
        ([URL], {"policy": "lively"}, "no policy"),
        ([URL], {"budget_ms": 0}, "budget"),
        ([URL], {"metrics": "nowhere"}, "--metrics"),
        ([URL], {"preview": "0.0.0.0:1"}, "this machine"),
        ([URL], {"stages": ["qualty"]}, "quality"),
    ],
)
def test_a_bad_call_makes_nothing(
    tmp_path: Path, urls: list[str], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        live(urls, tmp_path / "day", **options)
    assert not (tmp_path / "day").exists()
    assert "hunter2" not in str(caught.value)


def test_a_port_in_use_is_refused_before_a_case_is_made(tmp_path: Path) -> None:
    from videoengine.apps.metrics_server import Address, MetricsServer

    with (
        MetricsServer(Address("127.0.0.1", 0), str, dict) as taken,
        pytest.raises(OutputError, match="--preview cannot listen"),
    ):
        live([URL], tmp_path / "day", preview=str(taken.address))
    assert not (tmp_path / "day").exists()


def test_the_pictures_of_a_live_case_that_is_not_recorded_are_refused_with_one_clear_line(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds()
    (outcome,) = live([URL], tmp_path / "day", until_ns=2 * NS)
    assert "Pictures are not available" in (outcome.case / "report.html").read_text()
    for to in ("frames", "video"):
        with pytest.raises(SourceError, match="recording of this live case is not there"):
            export(outcome.case, to, tmp_path / f"out-{to}.mkv")
    export(outcome.case, "csv", tmp_path / "out.csv")


def test_a_live_case_without_a_frame_cannot_be_resumed(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds(frames=0)
    (outcome,) = live([URL], tmp_path, on_engine=lambda run: later(0.2, run.stop))
    with pytest.raises(SourceError, match="no frame to go on from"):
        resume(outcome.case)


def test_a_closed_live_case_resumes_to_itself(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path
) -> None:
    feeds()
    (outcome,) = live([URL], tmp_path, until_ns=1 * NS)
    (outcome.case / "report.html").unlink()
    assert resume(outcome.case).run_id == outcome.run_id
    assert (outcome.case / "report.html").exists()


def test_the_command_prints_json_alone_and_no_secret(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feeds()
    code = cli.run(["live", URL, "--out", str(tmp_path), "--until", "12s", "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    (row,) = json.loads(said.out)
    assert row["frames"] == 300
    assert "s0 live: 0:00:0" in said.err
    assert not [secret for secret in SECRETS if secret in said.out + said.err]


def test_a_second_interrupt_abandons_what_is_under_way(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds()
    monkeypatch.setattr(LiveRun, "stop", lambda _: later(0.1, interrupt))  # the first does nothing
    (outcome,) = live([URL], tmp_path, on_engine=lambda _: later(0.5, interrupt))
    assert verify(outcome.case).runs_closed == 1


def test_the_command_ends_with_7_when_a_feed_gave_nothing(
    feeds: Callable[..., list[FakeFeed]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = feeds(frames=0)

    def stop() -> None:
        while not made:
            time.sleep(0.01)
        time.sleep(0.4)
        interrupt()

    threading.Thread(target=stop, daemon=True).start()
    assert cli.run(["live", URL, "--out", str(tmp_path)]) == 7
    said = capsys.readouterr()
    assert "policy     live" in said.out
    assert "never gave a frame" in said.err


def test_the_run_line_comes_first_even_when_events_are_quicker() -> None:
    class Session:
        def run_line(self, state: str) -> Any:
            from support.events import run_line

            return run_line(state)

    sink, feed = ListSink(), PreviewFeed(NS // 5)
    gate = _Opened(feed)
    watched = gate.watch(sink)
    thread = threading.Thread(target=watched.put, args=([privacy(0.0)],))
    thread.start()
    time.sleep(0.02)
    assert not sink.events, "it waits until the session is whole"
    gate.begin(Session())  # type: ignore[arg-type]
    thread.join()
    watched.put([Session().run_line("opened")])
    assert [event.kind for event in sink.events] == ["run", "privacy"]


def test_a_recording_replayed_at_its_own_pace_takes_its_own_time(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", range(0, 25 * 512, 512))
    began = time.monotonic()
    outcome = analyze(str(clip), tmp_path / "case", as_live=True)
    assert 0.9 <= time.monotonic() - began < 5
    config = Case.open(outcome.case).manifest.config
    assert (config["as_live"], config["policy"]) == (True, "lossless")
    assert "policy" not in resolved_config(), "a plain run does not speak of it"
    assert verify(outcome.case).runs_closed == 1


def test_a_recording_replayed_under_the_live_policy_balances(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", range(0, 25 * 512, 512))
    outcome = analyze(str(clip), tmp_path / "case", as_live=True, policy="live", budget_ms=200)
    assert outcome.frames == 25
    assert verify(outcome.case).ledgers == 2


def test_a_recording_cannot_fall_behind_when_nothing_paces_it(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", range(0, 25 * 512, 512))
    with pytest.raises(UsageError, match="--as-live --policy live"):
        analyze(str(clip), tmp_path / "case", policy="live")
