"""One way to write a value down, so that equal values have equal bytes and equal hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any, Final, cast

SIGNIFICANT_DIGITS: Final = 6
"""Floats are rounded to this many significant digits before they are logged."""


def rounded(value: Any) -> Any:
    """Return `value` with every float rounded; NaN and infinity are refused."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"an event cannot hold {value}")
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    row = as_object(value)
    if row is not None:
        return {key: rounded(item) for key, item in row.items()}
    items = as_items(value)
    return value if items is None else [rounded(item) for item in items]


def as_object(value: object) -> dict[str, Any] | None:
    """Return `value` if it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_items(value: object) -> list[Any] | None:
    """Return the items of a list or tuple, else None."""
    if isinstance(value, (list, tuple)):
        return [*cast("Sequence[Any]", value)]
    return None


def dumps(value: Any) -> str:
    """Return canonical JSON: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()
