"""Seconds from connecting to the first analyzed frame, ten times, against our own RTSP server."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from looped import short_clip
from measure import publish, summary

from videoengine.engine import Engine
from videoengine.live_policy import LivePolicy
from videoengine.models.quality import PrivacyStage, QualityStage
from videoengine.stages import StageContext
from videoengine.streams import LiveConfig, open_live
from videoengine.streams.testing import RtspServer


class First:
    """A sink that notes when the first statement of a stage comes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.at_s = 0.0

    def put(self, events: Any) -> None:
        if not self.at_s and any(event.kind == "privacy" for event in events):
            self.at_s = time.monotonic()
            threading.Thread(target=self._engine.stop).start()

    def checkpoint(self, row: Any) -> None:
        return None


def once(url: str, folder: Path) -> float:
    context = StageContext("laparoscopy", None)
    stages = [QualityStage(context), PrivacyStage(context)]
    engine = Engine(stages, live=LivePolicy(), checkpoints=False)
    sink = First(engine)
    began = time.monotonic()
    engine.add(open_live(url, config=LiveConfig(), quarantine=folder), sink, "run")
    engine.run()
    return sink.at_s - began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RtspServer(short_clip(folder), start="live") as server:
            time.sleep(2.0)
            seconds = [once(server.url, folder) for _ in range(10)]
    publish(
        "live_first_frame",
        {
            "what": "seconds from opening an RTSP feed to its first privacy event",
            "seconds": summary(seconds),
            "largest": round(max(seconds), 4),
        },
    )


if __name__ == "__main__":
    main()
