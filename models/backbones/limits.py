"""Bounds on what is read from files that others made."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 40 * 2**30
"""Larger weight files, or archives that unpack to more, are refused."""
