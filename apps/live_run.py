"""A live run: streams that come and go, each with a case of its own."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine import durable
from videoengine.apps.preview import PreviewFeed
from videoengine.apps.session import METRICS, Outcome, Session, check_stream_id, new_manifest
from videoengine.apps.source_record import LIVE
from videoengine.case import Case, SourceRecord
from videoengine.engine import Engine
from videoengine.errors import UsageError, VideoEngineError, nearest
from videoengine.events import Event
from videoengine.lane import Sink
from videoengine.media_time import NS_PER_SECOND
from videoengine.sources import LiveFeed, Source
from videoengine.streams import LiveConfig, open_live
from videoengine.streams.live_url import live_address

PRIVACY: Final = "privacy"


@dataclass(slots=True)
class _Stream:
    """What the run holds for one stream, until its case is closed."""

    session: Session
    feed: PreviewFeed
    began: float


class LiveRun:
    """Streams that come and go while the engine runs; every method may come from any thread."""

    def __init__(
        self,
        out: str | Path,
        config: dict[str, Any],
        live_config: LiveConfig,
        engine: Engine,
        *,
        watched: bool = False,
    ) -> None:
        """Begin without a stream; `live` makes it.

        Args:
            out: Folder of the cases.
            config: Resolved configuration of every stream's run.
            live_config: Timing and recording of the feeds.
            engine: Made for `config`.
            watched: Frames are kept for a moment, for the preview.
        """
        self.engine = engine
        self._watched = watched
        self.outcomes: list[Outcome] = []
        """Of the streams whose case is closed."""
        self._out, self._config, self._live_config = Path(out), config, live_config
        self._streams: dict[str, _Stream] = {}
        self._count = 0
        self._ended = False
        self._lock = threading.RLock()

    def add(self, url: str, *, name: str | None = None) -> str:
        """Open another feed into a case of its own and return its stream id.

        Raises:
            UsageError: The URL or the name cannot be right; nothing was made.
            OutputError: The case cannot be made.
        """
        shown = live_address(url, self._live_config).shown
        with self._lock:
            if self._ended:
                raise UsageError("The run has ended", remedy="Begin another: videoengine.live(…)")
            stream_id = self._named(name)
            if stream_id in self._streams:
                raise UsageError("Two streams cannot have one name", got=stream_id)
            case = self._make_case(stream_id, shown)
            try:
                source = open_live(
                    url,
                    stream_id=stream_id,
                    config=self._live_config,
                    quarantine=case.path / "quarantine",
                )
                self._streams[stream_id] = self._begin(case, source)
            except BaseException:
                case.close()
                shutil.rmtree(case.path, ignore_errors=True)
                raise
            return stream_id

    def _named(self, name: str | None) -> str:
        while name is None:
            free, self._count = f"s{self._count}", self._count + 1
            name = free if free not in self._streams else None
        return check_stream_id(name)

    def _make_case(self, stream_id: str, shown: str) -> Case:
        digest = hashlib.sha256(shown.encode()).hexdigest()
        options = {"record": self._live_config.record}
        record = SourceRecord(shown, 0, digest, LIVE, options)
        manifest = new_manifest(self._config, stream_id, record)
        return Case.create(self._out / f"{stream_id}-{manifest.run_id[:8]}", manifest)

    def _begin(self, case: Case, source: Source) -> _Stream:
        feed = PreviewFeed(_privacy_period_ns(self.engine))
        gate = _Opened(feed)
        session = Session(case, source, self.engine, case.manifest.stream_id, watch=gate.watch)
        lane = session.lane
        if self._watched:
            lane.on_frame = feed.on_frame
        # Kept as they come: after a crash the log's stamps can still be placed in time.
        lane.on_epoch = lambda *_: case.save_epochs(lane.epochs)
        gate.begin(session)
        return _Stream(session, feed, time.monotonic())

    def remove(self, stream_id: str) -> Outcome:
        """End one stream, close its case and return what it amounts to."""
        with self._lock:
            if stream_id not in self._streams:
                raise UsageError(
                    "There is no such stream", got=stream_id,
                    allowed=", ".join(self._streams) or "none is left",
                    remedy=nearest(stream_id, self._streams),
                )  # fmt: skip
            self.engine.remove(stream_id)
            return self._finish(stream_id)

    def stop(self) -> None:
        """End every stream; returns at once, `live` then closes the cases."""
        self.engine.stop()

    def feeds(self) -> dict[str, PreviewFeed]:
        """Return the pictures that may be watched, by stream id."""
        return {stream_id: stream.feed for stream_id, stream in list(self._streams.items())}

    def states(self) -> dict[str, str]:
        """Return the state of every stream, by stream id."""
        return {
            stream.stream_id: "live" if stream.live is None else stream.live.state
            for stream in self.engine.snapshot().streams
        }

    def close(self) -> None:
        """Close every case that is still open; raises what the first of them met, at the end."""
        failure: VideoEngineError | None = None
        with self._lock:
            self._ended = True
            for stream_id in list(self._streams):
                try:
                    self._finish(stream_id)
                except VideoEngineError as error:
                    failure = failure or error
        if failure is not None:
            raise failure

    def _finish(self, stream_id: str) -> Outcome:
        stream = self._streams.pop(stream_id)
        session = stream.session
        stream.feed.close()
        opened = bool(session.lane.epochs)
        with session.case:
            try:
                if opened:
                    session.close_run()
            finally:
                session.writer.close()
            seconds = time.monotonic() - stream.began
            if opened:
                outcome = session.finish(seconds, self.engine.metrics())
            else:
                durable.replace(session.case.path / METRICS, self.engine.metrics().encode())
                outcome = session.outcome(seconds, _never(session))
        self.outcomes.append(outcome)
        return outcome


def _never(session: Session) -> str:
    source: Any = session.source
    why = source.status().last_failure if isinstance(source, LiveFeed) else None
    return f"{session.lane.stream_id} never gave a frame" + (f": {why}" if why else "")


def _privacy_period_ns(engine: Engine) -> int:
    """Return the period of the privacy stage; without one the gate stays shut."""
    for spec in engine.specs:
        if spec.name == PRIVACY:
            return round(NS_PER_SECOND / spec.rate_hz)
    return NS_PER_SECOND


class _Opened:
    """Puts the `run` line before all else.

    A feed added under way may give its first frame before the thread that adds it has said how the
    run begins; its events wait for that here.
    """

    def __init__(self, feed: PreviewFeed) -> None:
        self._feed = feed
        self._session: Session | None = None
        self._ready = threading.Event()
        self._begun = False
        self._sink: Sink | None = None

    def watch(self, sink: Sink) -> Sink:
        """Stand before the log and the preview's Gate."""
        self._sink = self._feed.watch(sink)
        return self

    def begin(self, session: Session) -> None:
        """Let events through."""
        self._session = session
        self._ready.set()

    def put(self, events: Sequence[Event]) -> None:
        """Take events in their final order."""
        self._ready.wait()
        assert self._session is not None
        assert self._sink is not None
        opens = events[0].kind == "run" and events[0].payload["state"] == "opened"
        if opens and self._begun:
            return
        if not opens and not self._begun:
            self._sink.put([self._session.run_line("opened")])
        self._begun = True
        self._sink.put(events)

    def checkpoint(self, row: dict[str, Any]) -> None:
        """Live streams have none."""
