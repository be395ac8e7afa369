"""Event log: appends a second by fsync policy, and what one event costs before the disk."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from measure import publish, summary

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from support.events import quality

from videoengine.log import EventLog, FsyncPolicy

COUNTS = {"always": 500, "group": 20_000, "never": 20_000}


def appends_a_second(policy: FsyncPolicy, count: int) -> float:
    """Append `count` different events and return how many a second reached their policy's end."""
    event = quality(0.0, blur=0.123456)
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "events.jsonl", fsync=policy)
        began = time.monotonic()
        for index in range(count):
            log.append(dataclasses.replace(event, start_ns=index, end_ns=index + 1))
        log.close()
        return count / (time.monotonic() - began)


def main() -> None:
    passes: dict[str, list[float]] = {policy: [] for policy in get_args(FsyncPolicy)}
    for _ in range(5):
        for policy in get_args(FsyncPolicy):
            passes[policy].append(appends_a_second(policy, COUNTS[policy]))
    publish(
        "log",
        {
            "what": "events/s appended and chained, by fsync policy; group = 64 events or 50 ms",
            "appends_per_second": {key: summary(values) for key, values in passes.items()},
        },
    )


if __name__ == "__main__":
    main()
