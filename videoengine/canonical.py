"""One way to write a value down, so that equal values have equal bytes and equal hashes."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final

SIGNIFICANT_DIGITS: Final = 6
"""Floats are rounded to this many significant digits before they are logged."""


def rounded(value: Any) -> Any:
    """Return `value` with every float rounded; NaN and infinity are refused."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"an event cannot hold {value}")
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def dumps(value: Any) -> str:
    """Return canonical JSON: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()
