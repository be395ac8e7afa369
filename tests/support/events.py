"""Events made by hand, for tests of the log and of what is computed from it."""

from __future__ import annotations

from typing import Any

from videoengine.events import SCHEMA, Event, event_key

NS = 1_000_000_000
STAGES: dict[str, Any] = {
    "quality": {"rate_hz": 5.0, "model_hash": "q", "config_hash": "c"},
    "privacy": {"rate_hz": 5.0, "model_hash": "p", "config_hash": "c"},
}


def event(
    kind: str,
    start_s: float,
    payload: dict[str, Any],
    *,
    stage: str | None = None,
    epoch: int = 0,
    duration_s: float = 0.04,
    run_id: str = "run",
    evidence: list[dict[str, Any]] | None = None,
    ordinal: int = 0,
) -> Event:
    """Return an event that is not in a log yet."""
    start, end = round(start_s * NS), round((start_s + duration_s) * NS)
    name = kind if stage is None else stage
    return Event(
        SCHEMA,
        -1,
        event_key("s0", epoch, name, "", "", start, end, kind, ordinal),
        run_id,
        kind,
        "s0",
        epoch,
        start,
        end,
        name,
        "",
        "",
        payload,
        None,
        evidence or [{"stream_id": "s0", "epoch": epoch, "start_ns": start, "end_ns": end}],
    )


def run_line(state: str, start_s: float = 0.0, *, epoch: int = 0, ordinal: int = 0) -> Event:
    """Return a `run` line of the engine."""
    payload = {
        "state": state,
        "version": "0",
        "preset": "basic",
        "source": "clip.mp4",
        "stages": STAGES,
        "host": "test",
        "ledger": None,
        "packets": None,
    }
    return event("run", start_s, payload, stage="engine", epoch=epoch, ordinal=ordinal)


def privacy(start_s: float, allow: bool = True, **options: Any) -> Event:
    """Return a sample of the privacy stage."""
    payload = {
        "decision": "allow" if allow else "blank",
        "reason": None if allow else "out_of_body",
        "score": 0.0 if allow else 1.0,
    }
    return event("privacy", start_s, payload, **options)


def quality(start_s: float, *, circle: dict[str, float] | None = None, **values: Any) -> Event:
    """Return a sample of the quality stage; severities not named are 0."""
    severities = dict.fromkeys(("blur", "exposure", "glare", "smoke", "soiling"), 0.0)
    payload = {"view_circle": circle, **severities, "frozen": False, **values}
    return event("quality", start_s, payload)


def gap(
    epoch: int, before_s: float, after_s: float, duration_s: float, cause: str = "hole"
) -> Event:
    """Return the gap that opens `epoch`: last frame before, first frame after."""
    frame = round(0.04 * NS)
    rows = [(epoch - 1, round(before_s * NS)), (epoch, round(after_s * NS))]
    return event(
        "gap",
        after_s,
        {"cause": cause, "duration_ns": round(duration_s * NS), "attempts": 0},
        stage="engine",
        epoch=epoch,
        evidence=[
            {"stream_id": "s0", "epoch": e, "start_ns": s, "end_ns": s + frame} for e, s in rows
        ],
    )
