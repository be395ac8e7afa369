"""`resume` of a live case: what was recorded is finished first, then the feed goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videoengine.apps.session import Outcome, Session, drive, make_engine, make_run_stages
from videoengine.case import Case
from videoengine.engine import Progress
from videoengine.errors import SourceError
from videoengine.events import Event
from videoengine.lane import Lane
from videoengine.media_time import NS_PER_SECOND, Epoch
from videoengine.sources import PacketLedger
from videoengine.streams import LiveConfig, open_live
from videoengine.streams.live_framer import Continuation
from videoengine.streams.live_recording import LiveRecording


def resume_live(
    case: Case, lines: Sequence[Event], url: str | None, progress: Progress | None
) -> Outcome:
    """Finish the newest epoch from its recording, then go on with `url` in a new epoch.

    Every state is rebuilt from the epoch's start and events that the log holds are left out, so
    under the policy `lossless` the log says what an unbroken run says. Where samples had been left
    out before the crash they stay left out: nothing is put before what is logged already.

    Args:
        case: Open for writing; its newest run is not closed.
        lines: The `run` lines of that run.
        url: The feed, or None to close the run after what was recorded.
        progress: Called about ten times a second.

    Raises:
        SourceError: There is nothing to go on from.
    """
    rows = case.manifest.epochs
    if not rows or not lines:
        raise SourceError(
            "This live case holds no frame to go on from",
            allowed="a case that had begun",
            remedy="Start the feed into a new case: videoengine live URL --out CASES",
        )
    epochs = [Epoch.from_json(row) for row in rows]
    began = time.monotonic()
    recording = LiveRecording(case.path, epochs[-1])
    config = case.manifest.config
    decision = _decision(case, len(epochs) - 1)
    stages = make_run_stages(config, decision)
    session = Session(
        case, recording, make_engine({**config, "policy": "lossless"}, is_live=True, stages=stages),
        case.manifest.stream_id,
    )  # fmt: skip
    try:
        session.check_models(lines[0])
        session.state, session.run_lines = "resumed", len(lines)
        lane = session.lane
        _remember(case, lane)
        if decision is not None and lane.decider is not None:
            lane.decided = str(decision.payload["label"]["name"])
        lane.epochs = epochs[:-1]
        lane.on_epoch = lambda *_: case.save_epochs(lane.epochs)
        session.engine.run(progress=progress)
        if url is not None:
            _go_live(session, url, config, progress)
        session.close_run()
    finally:
        session.engine.close()
        session.writer.close()
    return session.finish(time.monotonic() - began, session.engine.metrics())


def _decision(case: Case, epoch: int) -> Event | None:
    """Return the event by which the procedure was decided before an epoch, or None."""
    run_id = case.manifest.run_id
    said = (e for e in case.events("procedure", verify=False) if e.run_id == run_id)
    return next((event for event in said if event.epoch < epoch), None)


def _remember(case: Case, lane: Lane) -> None:
    """Tell a lane what the log holds, and from where on it may add to it."""
    known: set[str] = set()
    newest = (-1, -1)
    for event in case.events(verify=False):
        if event.run_id == lane.run_id:
            known.add(event.key)
            if event.kind != "run":
                newest = max(newest, (event.epoch, event.end_ns))
    lane.known = frozenset(known)
    lane.logged_through = newest


def _go_live(session: Session, url: str, config: dict[str, Any], progress: Progress | None) -> None:
    """Add the feed to the run as a new epoch, until it is stopped."""
    before, case = session.lane, session.case
    session.writer.flush()
    frame = before.last_frame
    folder = case.path / "quarantine"
    after = Continuation(
        session.source.clock, 0 if frame is None else frame.seq + 1, _last_arrival_ns(folder)
    )
    timing = LiveConfig(
        record=config.get("record", "raw"), lossless=config.get("policy") == "lossless"
    )
    packets = session.source.packets
    source = open_live(
        url, stream_id=before.stream_id, config=timing, quarantine=folder, after=after
    )
    # The same stages: they remember what the stream showed, and read no weights again.
    engine = make_engine(config, is_live=True, stages=session.engine.stages)
    lane = engine.add(source, session.sink, before.run_id)
    lane.epochs, lane.last_frame = before.epochs, frame
    _remember(case, lane)  # what the recording added as well
    lane.frames, lane.events = before.frames, before.events
    lane.decided = before.decided
    if not before.waiting:
        lane.settle()
    lane.failures = before.failures
    lane.on_epoch = lambda *_: case.save_epochs(lane.epochs)
    session.adopt(source, lane, engine)
    drive(
        engine,
        until_ns=config.get("until_ns"),
        tell=None if progress is None else lambda _: progress(lane.case_ns, lane.frames),
    )
    _add(source.packets, packets)


def _last_arrival_ns(folder: Path) -> int:
    """Return when the newest packet was recorded, on this process's monotonic clock."""
    newest_s = max((path.stat().st_mtime for path in folder.glob("*-*.*")), default=time.time())
    return time.monotonic_ns() - round(max(0.0, time.time() - newest_s) * NS_PER_SECOND)


def _add(total: PacketLedger, part: PacketLedger) -> None:
    total.demuxed += part.demuxed
    total.decoded += part.decoded
    for cause, count in part.skipped.items():
        total.skip(cause, count)
