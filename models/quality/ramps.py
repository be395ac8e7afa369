"""How a measured number becomes evidence: a straight ramp between two stated levels."""

from __future__ import annotations


def ramp(value: float, zero: float, one: float) -> float:
    """Return 0 where `value` is at `zero`, 1 at `one`, straight between and flat beyond."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))
