"""Gaussians as `.ply`: one binary vertex a Gaussian, with the properties of Kerbl et al. 2023."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import SourceError

LONGEST_HEADER: Final = 65536
"""Bytes; a header of degree 3 has about 1,500."""
TYPES: Final = {
    **{"float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8"},
    **{"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1"},
    **{"short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2"},
    **{"int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4"},
}
"""The scalar types of the format, little-endian."""
END: Final = b"end_header"
REMEDY: Final = "Export the scene as a binary little-endian .ply of Gaussians."


@dataclass(frozen=True, slots=True)
class _Header:
    count: int
    fields: list[tuple[str, str]]
    size: int
    """Bytes, the line `end_header` included."""


def names_of(bases: int) -> list[str]:
    """Return the properties of a Gaussian with so many spherical harmonics, in their order."""
    rest = [f"f_rest_{i}" for i in range(3 * (bases - 1))]
    first = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    last = ["opacity", *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
    return [*first, *rest, *last]


def encoded(columns: dict[str, NDArray[np.float32]]) -> bytes:
    """Return a file of float32 columns (N,), one a property, in this order."""
    count = len(next(iter(columns.values())))
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    lines += [f"property float {name}" for name in columns]
    table = np.empty(count, dtype=[(name, "<f4") for name in columns])
    for name, column in columns.items():
        table[name] = column
    return "\n".join([*lines, "end_header", ""]).encode("ascii") + table.tobytes()


def decoded(path: Path, data: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the columns of a file, by property.

    Raises:
        SourceError: No binary little-endian ply of vertices alone, or another size than it states.
    """
    header = _header(path, data)
    kinds = np.dtype(header.fields)
    size = header.size + header.count * kinds.itemsize
    if len(data) != size:
        raise SourceError(
            f"{path} has another size than its header states",
            got=f"{len(data)} bytes",
            allowed=f"{size} bytes for {header.count} vertices",
            remedy="Copy or export the file again.",
        )
    table = np.frombuffer(data, dtype=kinds, count=header.count, offset=header.size)
    return {name: table[name] for name, _ in header.fields}


def _header(path: Path, data: bytes) -> _Header:
    end = data.find(END, 0, LONGEST_HEADER)
    stop = data.find(b"\n", end, end + len(END) + 2) if end >= 0 else -1
    if not data.startswith((b"ply\n", b"ply\r\n")) or stop < 0:
        raise _wrong(path, "it is no ply", "no header", "ply … end_header")
    try:
        text = data[:end].decode("ascii")
    except UnicodeDecodeError as error:
        raise _wrong(path, "its header is no text", "other bytes", "ASCII") from error
    lines = [line.strip() for line in text.splitlines()[1:]]
    lines = [line for line in lines if line and line.split()[0] not in ("comment", "obj_info")]
    if not lines or lines[0] != "format binary_little_endian 1.0":
        got = lines[0] if lines else "none"
        raise _wrong(path, "its format is not read", got, "format binary_little_endian 1.0")
    found = re.fullmatch(r"element vertex (\d{1,12})", lines[1]) if len(lines) > 1 else None
    if found is None:
        got = lines[1] if len(lines) > 1 else "none"
        raise _wrong(path, "its first element is no vertex", got, "element vertex N")
    fields = [_field(path, line) for line in lines[2:]]
    if not fields or len({name for name, _ in fields}) != len(fields):
        raise _wrong(path, "its properties are none, or two of one name", lines[-1], "one each")
    return _Header(int(found[1]), fields, stop + 1)


def _field(path: Path, line: str) -> tuple[str, str]:
    words = line.split()
    if len(words) != 3 or words[0] != "property" or words[1] not in TYPES:
        raise _wrong(path, "its header is not understood", line, "property TYPE NAME, of vertices")
    return words[2], TYPES[words[1]]


def _wrong(path: Path, why: str, got: str, allowed: str) -> SourceError:
    return SourceError(
        f"{path} holds no Gaussians: {why}", got=got[:80], allowed=allowed, remedy=REMEDY
    )
