"""What things are called where people read them: report, captions, tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from videoengine.timeline import Mark, Segment

QUALITY: Final = {
    "blur": "Blurred",
    "exposure": "Badly exposed",
    "glare": "Glare",
    "smoke": "Smoke",
    "soiling": "Soiled lens",
    "frozen": "Frozen picture",
}
PRIVACY: Final = {
    "out_of_body": "View out of the body",
    "unknown": "Not certain to be in the body",
    "error": "Privacy check failed",
    "timeout": "Privacy check too late",
    "look_back": "Just before leaving the body",
    "in_body": "In the body",
}
MARKS: Final = {
    "gap": "No video",
    "reconnect": "Feed lost",
    "drop": "Samples not analyzed",
    "load_shed": "Analyzed less often",
    "refusal": "Refused",
    "error": "Error",
    "audit": "Audit",
}
GAPS: Final = {
    "hole": "no frames were recorded",
    "backward_jump": "the stream's clock jumped back",
    "format_change": "the picture format changed",
    "reconnect": "the stream was lost and found again",
}
LOSSES: Final = {
    "stalled": "it stalled",
    "timeout": "nothing came in time",
    "end_of_stream": "the sender ended it",
    "failed": "the connection failed",
    "interrupted": "the analysis was cut off",
}
DROPS: Final = {
    "stale": "too old before their turn",
    "late": "too late for the log",
    "superseded": "replaced by newer ones",
    "full": "beyond what could wait",
    "shed": "left out while their stage ran less often",
    "abandoned": "waiting when the run ended",
    "disabled": "for a stage that was disabled",
    "error": "in calls that failed",
    "timeout": "in calls that took too long",
}
DECODING: Final = {
    "all": "Every picture decoded again",
    "nonref": "Pictures that no other needs were not decoded",
    "nonkey": "Only key pictures were decoded",
}
"""By the mode that a live decoder turns to."""
DECODE: Final = "decode:"
"""A `load_shed` of this stage speaks of the decoder: the mode follows."""


def plain(name: str) -> str:
    """Return an identifier as words, first letter large."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def segment_title(segment: Segment) -> str:
    """Return what a segment says, in a few words."""
    if segment.kind == "quality":
        return QUALITY.get(segment.name, plain(segment.name))
    if segment.kind == "privacy":
        return PRIVACY.get(segment.name, plain(segment.name))
    return f"{plain(segment.kind)}: {segment.name}"


def mark_title(mark: Mark) -> str:
    """Return what a mark says, in a few words."""
    return MARKS.get(mark.kind, plain(mark.kind))


def mark_detail(mark: Mark) -> str:
    """Return the rest of what a mark says, or an empty string."""
    payload = mark.payload
    if mark.kind in ("refusal", "error"):
        return ". ".join(
            _sentence(payload.get(part)) for part in ("what", "why") if payload.get(part)
        )
    if mark.kind == "audit":
        return f"{payload.get('action')} of {payload.get('subject')} by {payload.get('by')}"
    return ""


def feed_loss(payload: Mapping[str, Any], *, returned: bool = False) -> str:
    """Return why there is no video, and how a lost feed came back."""
    cause = str(payload.get("cause", ""))
    if not returned:
        return GAPS.get(cause, plain(cause))
    tries = int(payload.get("attempts") or 0)
    back = f"back after {tries} {'try' if tries == 1 else 'tries'}" if tries else "back"
    return f"{LOSSES.get(cause, cause.replace('_', ' '))}; {back}"


def drop_reason(cause: str) -> str:
    """Return why samples were not analyzed."""
    return DROPS.get(cause, cause.replace("_", " "))


def shed_words(stage: str, least_hz: float, full_hz: float) -> str:
    """Return how often a stage ran while it was made to run less often."""
    if not least_hz:
        return f"{stage} not analyzed at all for a time, instead of {full_hz:.3g} samples a second"
    return f"{stage} analyzed at {least_hz:.3g} instead of {full_hz:.3g} samples a second"


def _sentence(text: Any) -> str:
    return str(text).strip().rstrip(".")
