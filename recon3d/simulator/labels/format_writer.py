"""What every writer of one label format is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Protocol

from videoengine.recon3d.simulator.labels.frame_times import FrameTimes
from videoengine.recon3d.simulator.labels.terms import Terms, terms_of
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.truth import Camera, FrameTruth, SimulatedFrame


@dataclass(frozen=True, slots=True)
class Setting:
    """What the writers of one piece share."""

    folder: Path
    """Exists; a writer makes its own folders and files in it."""
    piece: Piece
    terms: Terms
    times: FrameTimes
    camera: Camera | None
    """None where no frame will come."""

    @classmethod
    def of(
        cls, folder: Path, piece: Piece, fps: Fraction | float, camera: Camera | None = None
    ) -> Setting:
        """Return the setting of a piece filmed at a rate."""
        times = FrameTimes(piece.length_ns, Fraction(fps))
        return cls(folder, piece, terms_of(piece.plan), times, camera)


class FormatWriter(Protocol):
    """Takes frames in order and writes one format as they come."""

    needs_pixels: ClassVar[bool]

    def __init__(self, setting: Setting) -> None:
        """Open the files."""
        ...

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write what the format says of one frame."""
        ...

    def close(self) -> None:
        """Complete the files; safe to call twice."""
        ...


def rendered(frame: SimulatedFrame | FrameTruth) -> SimulatedFrame:
    """Return a frame that has pixels; writers that need them are given no other."""
    assert isinstance(frame, SimulatedFrame)
    return frame
