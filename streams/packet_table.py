"""The packets of a file in file order, read without decoding: what seeking is proven by."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

NO_STAMP: Final = -(1 << 63)
"""Stands for a stamp or byte position that a packet does not state."""

Identity = tuple[int, int, int]


class PacketLike(Protocol):
    """The part of a demuxed packet that the table keeps."""

    @property
    def pts(self) -> int | None:
        """Presentation stamp in ticks."""
        ...

    @property
    def pos(self) -> int | None:
        """Where it lies in the file, in bytes."""
        ...

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    @property
    def is_keyframe(self) -> bool:
        """Whether decoding can begin here."""
        ...


def identity(packet: PacketLike) -> Identity:
    """Return what tells one packet of a file from every other: (pts, byte position, size).

    The decoding stamp is not part of it: FFmpeg makes it up for Matroska, and not after a seek.
    """
    return (_known(packet.pts), _known(packet.pos), packet.size)


def _known(value: int | None) -> int:
    return NO_STAMP if value is None else value


@dataclass
class PacketTable:
    """Columns of one row per packet, in file order: 8 bytes each, so hours of video stay small."""

    pts: array[int]
    pos: array[int]
    size: array[int]
    keys: array[int]
    """Row numbers of the key packets."""

    @classmethod
    def read(cls, packets: Iterable[PacketLike]) -> PacketTable:
        """Return the table of `packets`; the empty packets that end a file are left out."""
        table = cls(*(array("q") for _ in range(4)))
        for packet in packets:
            if packet.size == 0:
                continue
            if packet.is_keyframe:
                table.keys.append(len(table.pts))
            pts, pos, size = identity(packet)
            table.pts.append(pts)
            table.pos.append(pos)
            table.size.append(size)
        return table

    def __len__(self) -> int:
        """Return the number of packets."""
        return len(self.pts)

    @cached_property
    def stamped(self) -> bool:
        """Whether every packet states a presentation stamp."""
        return NO_STAMP not in self.pts

    @cached_property
    def _by_identity(self) -> dict[Identity, int]:
        rows: dict[Identity, int] = {}
        for row in self.keys:
            name = (self.pts[row], self.pos[row], self.size[row])
            rows[name] = -1 if name in rows else row  # two that look alike prove nothing
        return rows

    @cached_property
    def _by_pts(self) -> tuple[list[int], list[int]]:
        rows = sorted(range(len(self)), key=self.pts.__getitem__)
        return [self.pts[row] for row in rows], rows

    def row_of(self, packet: PacketLike) -> int | None:
        """Return the row of a key packet read again, or None when that is not clear."""
        row = self._by_identity.get(identity(packet), -1)
        return row if row >= 0 else None

    def row_at(self, pts: int) -> int | None:
        """Return the row of the only packet stamped `pts`, or None."""
        stamps, rows = self._by_pts
        first = bisect_left(stamps, pts)
        return rows[first] if bisect_right(stamps, pts) == first + 1 else None

    def keys_before(self, row: int) -> list[int]:
        """Return the key packets from which the picture of `row` is whole, the last one first.

        Each stands at or before `row` in the file and is shown no later, so that `row` is not one
        of the pictures that lead an open group and need the group before.
        """
        if not self.stamped:
            return []
        last = bisect_right(self.keys, row)
        return [key for key in reversed(self.keys[:last]) if self.pts[key] <= self.pts[row]]
