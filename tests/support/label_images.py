"""PNG files with chosen bytes: grey levels, colours, or places in a palette."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_png(
    path: Path, values: NDArray[Any], palette: Sequence[tuple[int, int, int]] | None = None
) -> Path:
    """Write uint8 (H, W) or (H, W, 3) as PNG; with a palette the values are places in it."""
    rows = np.ascontiguousarray(values, np.uint8)
    height, width = rows.shape[:2]
    kind = 3 if palette is not None else 2 if rows.ndim == 3 else 0
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if palette is not None:
        parts.append(_chunk(b"PLTE", bytes(part for color in palette for part in color)))
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    parts += [_chunk(b"IDAT", zlib.compress(lines)), _chunk(b"IEND", b"")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def rectangle(value: int, box: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[Any]:
    """Return uint8 (H, W): `value` in the box x, y, width, height, else 0."""
    levels = np.zeros(size[::-1], np.uint8)
    x, y, width, height = box
    levels[y : y + height, x : x + width] = value
    return levels
