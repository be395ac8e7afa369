"""Surgical and endoscopic video analytics: live and recorded procedures to trusted events."""

from __future__ import annotations

import importlib
from typing import Any, Final

__version__: Final = "0.1.0"
DISCLAIMER: Final = "Research use only. Not a medical device."

_DOOR: Final = {
    "Case": "videoengine.case",
    "Engine": "videoengine.engine",
    "Event": "videoengine.events",
    "Frame": "videoengine.frames",
    "Gate": "videoengine.gate",
    "Pixels": "videoengine.frames",
    "Stage": "videoengine.stages",
    "Timeline": "videoengine.timeline",
    "VideoEngineError": "videoengine.errors",
    "analyze": "videoengine.apps.analyze",
    "ask": "videoengine.apps.ask",
    "check": "videoengine.apps.check",
    "live": "videoengine.apps.live",
    "note": "videoengine.apps.note",
    "open_source": "videoengine.streams",
    "resume": "videoengine.apps.analyze",
}


def __getattr__(name: str) -> Any:
    """Import what the door offers when it is first used."""
    if name not in _DOOR:
        raise AttributeError(f"module 'videoengine' has no attribute {name!r}")
    return getattr(importlib.import_module(_DOOR[name]), name)


def __dir__() -> list[str]:
    """Return what the door offers."""
    return sorted(["DISCLAIMER", "__version__", *_DOOR])
