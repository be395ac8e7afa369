"""One client of a live feed, as a process: prints what it was handed, and when.

    python live_client.py CLIENT URL SECONDS SERVICE_MS

Every picture carries its number in bars across its top (tests/support/made_videos.py). A line
`number monotonic_ns stated_ns` is printed for each picture that the client's consumer gets, before
the consumer sleeps SERVICE_MS; `stated_ns` is the time the client states for it. A last line of
JSON says what the client reports of its own losses.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import numpy as np

BARS = 10


def number_of(picture: Any) -> int:
    """Return the number painted across the top of a picture (H, W) or (H, W, 3)."""
    height, width = picture.shape[:2]
    row = picture[height // 12]
    bits = [row[bit * width // BARS + width // (2 * BARS)] for bit in range(BARS)]
    return sum((int(np.max(value)) > 110) << bit for bit, value in enumerate(bits))


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Consumer:
    """Prints and sleeps; keeps the resident memory after the first second."""

    def __init__(self, service_ms: float) -> None:
        self._service_s = service_ms / 1000
        self._began = time.monotonic()
        self.early_mb = 0.0

    def take(self, picture: Any, stated_ns: int) -> None:
        if not self.early_mb and time.monotonic() - self._began > 2:
            self.early_mb = resident_mb()
        print(number_of(picture), time.monotonic_ns(), stated_ns, flush=True)
        time.sleep(self._service_s)

    def report(self, reported: int | None, **more: Any) -> None:
        growth = resident_mb() - self.early_mb if self.early_mb else 0.0
        print(json.dumps({"reported": reported, "growth_mb": growth, **more}), flush=True)
        os._exit(0)  # peers' threads may wait for a feed that is gone


def videoengine(url: str, seconds: float, consumer: Consumer) -> None:
    from videoengine.cards import ModelCard
    from videoengine.engine import Engine
    from videoengine.live_policy import LivePolicy
    from videoengine.stages import Result, StageSpec
    from videoengine.streams import LiveConfig, open_live

    class Slow:
        spec = StageSpec("slow", ModelCard("bench/slow", "bench", 1), rate_hz=1000.0)

        def open(self, stream_id: str) -> Any:
            return None

        def process(self, works: Any) -> Any:
            for work in works:
                frame = work.clip.last
                consumer.take(frame.pixels.planes()[0], frame.pts_ns)
            return [Result() for _ in works]

        def encode(self, state: Any) -> bytes:
            return b""

        def decode(self, data: bytes) -> Any:
            return None

    class Nowhere:
        dropped = 0

        def put(self, events: Any) -> None:
            self.dropped += sum(e.payload["count"] for e in events if e.kind == "drop")

        def checkpoint(self, row: Any) -> None:
            return None

    sink = Nowhere()
    engine = Engine([Slow()], live=LivePolicy(budget_ms=1e6), checkpoints=False)
    source = open_live(url, config=LiveConfig(record="none"))
    lane = engine.add(source, sink, "bench")
    threading.Timer(seconds, engine.stop).start()
    engine.run()
    ledger = lane.stages[0].edge.ledger
    assert ledger.balances
    consumer.report(sum(ledger.dropped.values()), logged=sink.dropped, captured=ledger.captured)


def cv2_naive(url: str, seconds: float, consumer: Consumer) -> None:
    import cv2  # pyright: ignore[reportMissingImports]

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
        while time.monotonic() < deadline:
            good, picture = capture.read()
            if not good:
                break
            consumer.take(picture, round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6))
        capture.release()
        time.sleep(0.1)
    consumer.report(0)


def cv2_latest(url: str, seconds: float, consumer: Consumer) -> None:
    import cv2  # pyright: ignore[reportMissingImports]

    slot: list[Any] = []
    fresh = threading.Event()

    def read() -> None:
        while True:
            capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
            while True:
                good, picture = capture.read()
                if not good:
                    break
                slot[:] = [(picture, round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6))]
                fresh.set()
            capture.release()
            time.sleep(0.1)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if fresh.wait(0.05):
            fresh.clear()
            picture, stated = slot[0]
            consumer.take(picture, stated)
    consumer.report(0)


def streamvision(url: str, seconds: float, consumer: Consumer, mode: str | None = None) -> None:
    from streamvision.stream.pipeline import (  # pyright: ignore[reportMissingImports]
        InferencePipeline,
    )

    dropped = [0]

    def note(update: Any) -> None:
        if "DROPPED" in str(update.event_type).upper():
            dropped[0] += int((update.payload or {}).get("count", 1) or 1)

    def handle(frames: list[Any]) -> list[Any]:
        for frame in frames:
            consumer.take(frame.image, round(frame.frame_timestamp.timestamp() * 1e9))
        return [{} for _ in frames]

    options: dict[str, Any] = {} if mode is None else {"video_processing_mode": mode}
    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=url, on_video_frame=handle, on_prediction=lambda *_: None,
        status_update_handlers=[note], **options,
    )  # fmt: skip
    pipeline.start(use_main_thread=False)
    time.sleep(seconds)
    consumer.report(dropped[0])


def main() -> None:
    client, url, seconds, service_ms = sys.argv[1:]
    consumer = Consumer(float(service_ms))
    clients: dict[str, Any] = {
        "videoengine": videoengine,
        "cv2_naive": cv2_naive,
        "cv2_latest": cv2_latest,
        "streamvision": streamvision,
        "streamvision_auto": lambda *a: streamvision(*a, mode="auto"),
    }
    clients[client](url, float(seconds), consumer)


if __name__ == "__main__":
    main()
