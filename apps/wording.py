"""What things are called where people read them: report, captions, tables."""

from __future__ import annotations

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
    "reconnect": "Reconnected",
    "drop": "Frames dropped",
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
    if mark.kind in ("gap", "reconnect"):
        cause = str(payload.get("cause", ""))
        return GAPS.get(cause, plain(cause))
    if mark.kind in ("refusal", "error"):
        return ". ".join(
            _sentence(payload.get(part)) for part in ("what", "why") if payload.get(part)
        )
    if mark.kind == "audit":
        return f"{payload.get('action')} of {payload.get('subject')} by {payload.get('by')}"
    if mark.kind in ("drop", "load_shed"):
        return f"{payload.get('count')} × {payload.get('cause')}"
    return ""


def _sentence(text: Any) -> str:
    return str(text).strip().rstrip(".")
