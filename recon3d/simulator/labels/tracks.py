"""Instrument tracks as MOTChallenge's ground truth: `tracks/gt.txt`, one box a line.

`frame, id, left, top, width, height, 1, class, visibility`: frames, ids and classes count from 1,
as there; left and top of the first pixel are 1. The class is the instrument's id + 1.
"""

from __future__ import annotations

from typing import ClassVar, Final

from videoengine.recon3d.simulator.labels.coco import pixel_box
from videoengine.recon3d.simulator.labels.format_writer import Setting, rendered
from videoengine.recon3d.simulator.labels.terms import visible_tools
from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame

FOLDER: Final = "tracks"
FILE: Final = "gt.txt"


class TracksWriter:
    """Writes the boxes of each frame."""

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Open the file."""
        (setting.folder / FOLDER).mkdir(exist_ok=True)
        path = setting.folder / FOLDER / FILE
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write one line per instrument."""
        frame = rendered(frame)
        height, width = frame.rgb.shape[:2]
        for tool in visible_tools(frame):
            assert tool.box is not None
            left, top, across, down = pixel_box(tool.box, (width, height))
            box = f"{left + 1:.2f},{top + 1:.2f},{across:.2f},{down:.2f}"
            ids = f"{frame.truth.number + 1},{tool.track + 1}"
            self._file.write(f"{ids},{box},1,{tool.label.id + 1},1\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
