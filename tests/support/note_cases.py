"""Small finished cases without a video, for tests of what is composed from a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import videoengine
from support.events import event, privacy, run_line
from videoengine.case import Case, Manifest
from videoengine.events import SCHEMA, Event

SECONDS = 40
ABOUT = {
    "licence": "Apache-2.0", "trained_on": "simulated procedures only", "weights": "w",
    "procedures": [], "calibration": "none",
}  # fmt: skip
NAMES = ("privacy", "procedure", "instruments", "triplet", "phase")


def label(name: str, vocabulary: str = "cholec80/phase@1") -> dict[str, Any]:
    return {"vocabulary": vocabulary, "id": 0, "name": name}


def stated(*, tool: str = "hook", models: bool = True) -> Iterable[Event]:
    """Two phases of twenty seconds; a tool from 5 s to 15 s, dissecting from 5 s to 12 s."""
    if not models:
        payload = {"what": "phase", "why": "its card does not cover this procedure", "remedy": ""}
        yield event("refusal", 0, payload, stage="phase")
        return
    procedure = label("cholecystectomy", "videoengine/procedure@1")
    yield event("procedure", 0, {"label": procedure, "probabilities": {"0": 0.97}})
    for second in range(SECONDS):
        name = "Preparation" if second < 20 else "CalotTriangleDissection"
        yield event("phase", second, {"label": label(name), "probabilities": {}}, duration_s=1.0)
        if 5 <= second < 15:
            payload = {"label": label(tool), "box": None, "mask": None, "track": None}
            yield event("instrument", second, payload, stage="instruments", duration_s=1.0)
        if 5 <= second < 12:
            parts = {"instrument": label(tool), "verb": label("dissect"),
                     "target": label("gallbladder")}  # fmt: skip
            yield event("triplet", second, parts, duration_s=1.0)


def note_case(
    folder: Path,
    *,
    allow: Callable[[int], bool] | None = lambda second: 2 <= second < 38,
    events: Iterable[Event] | None = None,
    procedure: str | None = None,
    closed: bool = True,
) -> Path:
    """Make a case of forty seconds; `allow` None leaves the privacy stage out."""
    manifest = Manifest(
        SCHEMA, "c", "2026-01-01T00:00:00+00:00", videoengine.__version__, "s0", "laparoscopy",
        procedure, "run", {"preset": "embedded", "stages": [], "procedure": procedure}, None,
    )  # fmt: skip
    rows = [*(stated() if events is None else events)]
    if allow is not None:
        rows += [privacy(second, allow(second), duration_s=1.0) for second in range(SECONDS)]
    with Case.create(folder, manifest) as case:
        log = case.log(fsync="never")
        log.append(run_line("opened"))
        for row in sorted(rows, key=lambda row: row.start_ns):
            confidence = 0.95 if row.kind in ("instrument", "procedure", "phase") else None
            log.append(replace(row, confidence=confidence))
        if closed:
            log.append(_closing())
        log.close()
    return folder


def _closing() -> Event:
    made = run_line("closed", SECONDS, ordinal=1)
    row = {"captured": SECONDS, "served": SECONDS, "dropped": {}}
    made.payload["stages"] = {
        name: {"rate_hz": 1.0, "about": ABOUT, "card": name, "model_hash": "m", "config_hash": "c"}
        for name in NAMES
    }
    made.payload["ledger"] = {f"s0/{name}": dict(row) for name in NAMES}
    made.payload["packets"] = {"s0": {"demuxed": SECONDS, "decoded": SECONDS, "skipped": {}}}
    end = SECONDS * 1_000_000_000
    return replace(made, start_ns=end, end_ns=end)
