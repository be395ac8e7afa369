"""The folder that EndoNeRF and its successors read.

`images/`, `depth/` (16-bit) and `masks/` (255 = instrument) hold one PNG per frame under the same
names; `poses_bounds.npy` is LLFF's float64 (N, 17): a 3×5 matrix, row by row, of camera to world
with the axes down, right and backward, the translation, and height, width and focal length; then
the nearest and farthest depth. All lengths are in steps of the depth pictures (`depth.json`), so
that a reader that takes their numbers as they are fits poses and depth together.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, ClassVar, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from videoengine.recon3d.simulator.labels.format_writer import Setting, rendered
from videoengine.recon3d.simulator.labels.pictures import (
    MM_PER_STEP,
    PictureFolder,
    depth_steps,
    write_depth_unit,
)
from videoengine.recon3d.simulator.truth import Camera, FrameTruth, SimulatedFrame

FOLDER: Final = "endonerf"
COLUMNS: Final = 17


class EndoNerfWriter:
    """Writes the folder frame by frame."""

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Make the folders."""
        folder = setting.folder / FOLDER
        self._images = PictureFolder(folder / "images", "rgb24")
        self._depths = PictureFolder(folder / "depth", "gray16be")
        self._masks = PictureFolder(folder / "masks", "gray")
        write_depth_unit(folder / "depth.json")
        self._rows = _NpyRows(folder / "poses_bounds.npy")
        assert setting.camera is not None  # frames have one
        self._camera = setting.camera

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write the pictures and the row of a frame."""
        frame = rendered(frame)
        number, steps = frame.truth.number, depth_steps(frame.arrays["depth"])
        self._images.write(number, frame.rgb)
        self._depths.write(number, steps)
        self._masks.write(number, frame.arrays["mask/tool"])
        self._rows.append(llff_row(frame.truth.world_from_camera, self._camera, steps))

    def close(self) -> None:
        """State the number of frames in `poses_bounds.npy`."""
        self._rows.close()


def llff_row(
    world_from_camera: NDArray[np.float64], camera: Camera, steps: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """Return float64 (17,) for a pose in mm and the frame's depth in steps."""
    right, down, forward, center_mm = world_from_camera[:3].T
    width, height = camera.size
    columns = (down, right, -forward, center_mm / MM_PER_STEP, (height, width, camera.fx))
    there = steps[steps > 0]
    bounds = (there.min(), there.max()) if there.size else (0, 0)
    return np.concatenate([np.stack(columns, axis=1).ravel(), bounds]).astype(np.float64)


class _NpyRows:
    """A NumPy file of rows whose number is known at the end; its header has room to grow."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._count = 0
        self._write_header()

    def append(self, row: NDArray[np.float64]) -> None:
        self._file.write(row.astype("<f8").tobytes())
        self._count += 1

    def close(self) -> None:
        if self._file.closed:
            return
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        shape = (self._count, COLUMNS)
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)
