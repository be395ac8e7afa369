"""Canonical events as live, replay and offline must share them (the plan of the house, 5.3)."""

from __future__ import annotations

from typing import Any

from videoengine.canonical import dumps
from videoengine.case import Case
from videoengine.media_time import Epoch

LEFT_OUT = ("run", "gap", "reconnect", "drop", "load_shed")
FIELDS = ("seq", "prev", "hash", "run_id", "key", "config_hash", "stream_id", "epoch")


def shared_lines(case: Case) -> list[str]:
    """Return the canonical events of a case in case time, one JSON line each."""
    epochs = [Epoch.from_json(row) for row in case.manifest.epochs]

    def placed(row: dict[str, Any]) -> dict[str, Any]:
        epoch = epochs[row["epoch"]]
        times = {name: epoch.case_ns(row[name]) for name in ("start_ns", "end_ns")}
        return {**{k: v for k, v in row.items() if k not in FIELDS}, **times}

    lines: list[str] = []
    for event in case.events():
        if event.kind not in LEFT_OUT:
            row = placed(event.to_json())
            row["evidence"] = [placed(item) for item in event.evidence]
            lines.append(dumps(row))
    return lines
