"""Camera poses as TUM's text: `timestamp tx ty tz qx qy qz qw`, one line a pose.

Seconds from the start of the piece; camera to world; translations in METRES, as TUM has them
(everything else of the simulator is mm); unit quaternions, w last and not negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.labels.format_writer import Setting
from videoengine.recon3d.simulator.labels.terms import truth_of
from videoengine.recon3d.simulator.truth import FrameTruth, Poses, SimulatedFrame

FILE: Final = "trajectory.txt"
HEADER: Final = (
    "# camera to world; seconds, metres, unit quaternion\n# timestamp tx ty tz qx qy qz qw\n"
)
METRES_PER_MM: Final = 1e-3
BATCH: Final = 256


class TrajectoryWriter:
    """Writes the pose of every frame, a batch at a time."""

    needs_pixels: ClassVar[bool] = False

    def __init__(self, setting: Setting) -> None:
        """Write the header."""
        self._times = setting.times
        self._file = (setting.folder / FILE).open("w", encoding="utf-8", newline="\n")
        self._file.write(HEADER)
        self._waiting: list[tuple[float, NDArray[np.float64]]] = []

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Take the pose of a frame."""
        truth = truth_of(frame)
        self._waiting.append((self._times.time_s(truth.number), truth.world_from_camera))
        if len(self._waiting) == BATCH:
            self._flush()

    def close(self) -> None:
        """Write what is waiting."""
        if not self._file.closed:
            self._flush()
            self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            seconds, poses = zip(*self._waiting, strict=True)
            self._file.write(pose_lines(seconds, np.stack(poses)))
            self._waiting.clear()


def write_poses(setting: Setting, poses: Poses) -> None:
    """Write the poses sampled once a second that lie in the piece."""
    piece = setting.piece
    within = (poses.time_ns >= piece.start_ns) & (poses.time_ns < piece.end_ns)
    seconds = (poses.time_ns[within] - piece.start_ns) / NS_PER_SECOND
    text = HEADER + pose_lines(seconds.tolist(), poses.world_from_camera[within])
    (setting.folder / FILE).write_text(text, "utf-8", newline="\n")


def pose_lines(seconds: Sequence[float], world_from_camera: NDArray[np.float64]) -> str:
    """Return the lines of float64 (N, 4, 4) poses in mm."""
    metres = world_from_camera[:, :3, 3] * METRES_PER_MM
    numbers = np.concatenate([metres, quaternions(world_from_camera[:, :3, :3])], axis=1)
    form = "%.6f" + " %.9f" * 7 + "\n"
    rows = zip(seconds, numbers.tolist(), strict=True)
    return "".join([form % (second, *row) for second, row in rows])


def quaternions(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64 (N, 4), x y z w, of rotation matrices (N, 3, 3).

    The rows of a symmetric matrix made from the rotation are all multiples of the quaternion; the
    longest of them is taken (Bar-Itzhack 2000, in the exact case).
    """
    m = rotations
    multiples = np.empty((len(m), 4, 4))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        multiples[:, i, i] = 1 + m[:, i, i] - m[:, j, j] - m[:, k, k]
        multiples[:, i, j] = multiples[:, j, i] = m[:, i, j] + m[:, j, i]
        multiples[:, i, 3] = multiples[:, 3, i] = m[:, k, j] - m[:, j, k]
    multiples[:, 3, 3] = 1 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    longest = np.diagonal(multiples, axis1=1, axis2=2).argmax(axis=1)
    chosen = multiples[np.arange(len(m)), longest]
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.where(chosen[:, 3:] < 0, -chosen, chosen)
    return unit
