"""Poses once a second, gathered from what is known of frames."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.truth import (
    Camera,
    FrameTruth,
    Poses,
    ToolTruth,
    in_picture,
)

TIP_POINTS = ("jaw_left", "jaw_right")
NOWHERE = (float("nan"), float("nan"))
TIP = 5
ROW = 3


class PoseTable:
    """Takes frames in order; 17 numbers a frame and 8 an instrument are kept."""

    def __init__(self, camera: Camera) -> None:
        """Start without a frame."""
        self._camera = camera
        self._times = array("q")
        self._matrices = array("d")
        self._rows = array("q")
        self._tips = array("d")

    def add(self, truth: FrameTruth) -> None:
        """Take the frame of a second."""
        sample = len(self._times)
        self._times.append(truth.time_ns)
        self._matrices.extend(truth.world_from_camera.ravel().tolist())
        for tool in truth.tools if truth.inside else ():
            rendered = truth.gain is not None
            seen = tool.box is not None if rendered else in_picture(tool, self._camera.size)
            self._rows.extend((sample, tool.track, int(seen)))
            self._tips.extend((*tip_px(tool, self._camera), *tool.tip_mm))

    def poses(self) -> Poses:
        """Return what was gathered."""
        rows = np.array(self._rows, np.int64).reshape(-1, ROW)
        tips = np.array(self._tips, np.float64).reshape(-1, TIP)
        return Poses(
            time_ns=np.array(self._times, np.int64),
            world_from_camera=np.array(self._matrices, np.float64).reshape(-1, 4, 4),
            size=self._camera.size,
            tip_sample=rows[:, 0],
            tip_track=rows[:, 1],
            tip_px=tips[:, :2],
            tip_mm=tips[:, 2:],
            tip_seen=rows[:, 2] > 0,
        )


def poses_of(truths: Iterable[FrameTruth], camera: Camera) -> Poses:
    """Return the poses of frames that lie a second apart."""
    table = PoseTable(camera)
    for truth in truths:
        table.add(truth)
    return table.poses()


def tip_px(tool: ToolTruth, camera: Camera) -> tuple[float, float]:
    """Return where the middle of an instrument's two ends is in the picture.

    Without keypoints its tip is projected as through a pinhole.
    """
    ends = [point for point in tool.keypoints if point.name in TIP_POINTS and point.visibility]
    if ends:
        middle: NDArray[np.float64] = np.mean([(end.x, end.y) for end in ends], axis=0)
        return float(middle[0]), float(middle[1])
    x, y, z = tool.tip_mm
    if z <= 0:
        return NOWHERE
    return camera.cx + camera.fx * x / z, camera.cy + camera.fy * y / z
