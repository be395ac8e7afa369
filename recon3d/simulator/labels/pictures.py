"""Numbered pictures of one kind in a folder: depth, flow, masks, frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.labels.format_writer import Setting, rendered
from videoengine.recon3d.simulator.labels.png import PixelFormat, PngEncoder
from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame

MM_PER_STEP: Final = 0.01
"""Depth pictures reach 655.35 mm."""
FLOW_STEPS_PER_PIXEL: Final = 64.0
FLOW_ZERO: Final = 32768.0
LARGEST: Final = 65535


class PictureFolder:
    """Encodes one picture after the other; a file is named by the frame's number."""

    def __init__(self, folder: Path, pixel_format: PixelFormat) -> None:
        """Make the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._encoder = PngEncoder(pixel_format)

    def write(self, number: int, picture: NDArray[Any]) -> None:
        """Write the picture of a frame."""
        (self._folder / f"{number:06d}.png").write_bytes(self._encoder.encode(picture))


class DepthWriter:
    """`depth/`: 16-bit gray pictures of depth along z, 0 = none; `depth.json` states the unit."""

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Make the folder and write the unit."""
        self._pictures = PictureFolder(setting.folder / "depth", "gray16be")
        write_depth_unit(setting.folder / "depth" / "depth.json")

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write the depth of a frame."""
        depth_mm = rendered(frame).arrays["depth"]
        self._pictures.write(rendered(frame).truth.number, depth_steps(depth_mm))

    def close(self) -> None:
        """Nothing is open between frames."""


class FlowWriter:
    """`flow/`: optical flow to the next frame as KITTI's 16-bit RGB pictures.

    KITTI's is the one encoding that OpenCV, torchvision and the flow networks' readers share, is
    lossless-compressed and can say "unknown": u = (R − 2^15) / 64, v = (G − 2^15) / 64, B = valid.
    A frame after which nothing follows has no picture.
    """

    needs_pixels: ClassVar[bool] = True

    def __init__(self, setting: Setting) -> None:
        """Make the folder."""
        self._pictures = PictureFolder(setting.folder / "flow", "rgb48be")

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write the flow of a frame, if it has one."""
        flow = rendered(frame).arrays.get("flow")
        if flow is not None and np.isfinite(flow).any():
            self._pictures.write(rendered(frame).truth.number, kitti_flow(flow))

    def close(self) -> None:
        """Nothing is open between frames."""


def write_depth_unit(path: Path) -> None:
    """Write the sidecar that says what a step of a depth picture means."""
    row = {"unit": "mm", "mm_per_step": MM_PER_STEP, "none": 0, "along": "z"}
    path.write_text(json.dumps(row) + "\n", "utf-8", newline="\n")


def depth_steps(depth_mm: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return depth in steps, at most the largest; what is there but nearer than one is one."""
    steps = np.rint(depth_mm * np.float32(1 / MM_PER_STEP)).clip(1, LARGEST)
    return np.where(depth_mm > 0, steps, 0).astype(np.uint16)


def kitti_flow(flow: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return uint16 (H, W, 3) of float32 (H, W, 2); what is unknown or too long is not valid."""
    steps = np.rint(flow * np.float32(FLOW_STEPS_PER_PIXEL) + np.float32(FLOW_ZERO))
    height, width = flow.shape[:2]
    within: NDArray[np.bool_] = (steps >= 0) & (steps <= LARGEST)  # NaN compares false
    valid = within[..., 0] & within[..., 1]
    picture = np.zeros((height, width, 3), np.uint16)
    picture[..., :2] = np.where(valid[..., None], steps, 0)
    picture[..., 2] = valid
    return picture
