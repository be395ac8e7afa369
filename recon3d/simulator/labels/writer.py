"""The labels of one piece in the formats the field reads, written as the frames come."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

from videoengine.errors import UsageError, nearest
from videoengine.recon3d.simulator.labels import cholec80, cholect50, trajectory
from videoengine.recon3d.simulator.labels.coco import CocoInstancesWriter, CocoKeypointsWriter
from videoengine.recon3d.simulator.labels.endonerf import EndoNerfWriter
from videoengine.recon3d.simulator.labels.format_writer import FormatWriter, Setting
from videoengine.recon3d.simulator.labels.pictures import DepthWriter, FlowWriter
from videoengine.recon3d.simulator.labels.plan_file import write_camera_file, write_plan_file
from videoengine.recon3d.simulator.labels.terms import truth_of
from videoengine.recon3d.simulator.labels.tracks import TracksWriter
from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.plan import Plan
from videoengine.recon3d.simulator.pose_table import PoseTable
from videoengine.recon3d.simulator.questions import FILE as QUESTIONS
from videoengine.recon3d.simulator.questions import make_questions, write_questions
from videoengine.recon3d.simulator.truth import Camera, FrameTruth, Poses, SimulatedFrame

WRITERS: Final[dict[str, type[FormatWriter]]] = {
    "cholec80": cholec80.Cholec80Writer,
    "cholect50": cholect50.CholecT50Writer,
    "poses": trajectory.TrajectoryWriter,
    "coco-instances": CocoInstancesWriter,
    "coco-keypoints": CocoKeypointsWriter,
    "tracks": TracksWriter,
    "endonerf": EndoNerfWriter,
    "depth": DepthWriter,
    "flow": FlowWriter,
}
FORMATS: Final = tuple(WRITERS)
"""Names of the formats that are written frame by frame; plan and questions are always written."""
ARRAYS: Final = {
    "coco-instances": ("mask/track",),
    "coco-keypoints": ("mask/track",),
    "tracks": (),
    "endonerf": ("depth", "mask/tool"),
    "depth": ("depth",),
    "flow": ("flow",),
}
"""The arrays of a frame that each format which needs pixels reads."""


class LabelWriter:
    """Takes the frames of a piece in order; each format's files grow as they come.

    Frames without pixels feed the formats that need none.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        camera: Camera,
        fps: Fraction | float,
        *,
        formats: Collection[str] = FORMATS,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> None:
        """Write the plan and the camera, and open the files of the formats.

        Args:
            folder: Where the labels go; made when it is not there.
            plan: The procedure.
            camera: Its optics.
            fps: Rate of the frames, at least 1.
            formats: Names from `FORMATS`.
            start_ns: Start of the piece in the procedure.
            end_ns: End of the piece, None for that of the procedure.
        """
        for name in formats:
            check_format(name)
        folder.mkdir(parents=True, exist_ok=True)
        setting = Setting.of(folder, Piece(plan, start_ns=start_ns, end_ns=end_ns), fps, camera)
        write_plan_file(folder, setting.piece)
        write_camera_file(folder, camera)
        self._setting = setting
        self._table = PoseTable(camera)
        self._closed = False
        self._writers = [WRITERS[name](setting) for name in FORMATS if name in formats]

    def add(self, frame: SimulatedFrame | FrameTruth) -> None:
        """Write what the formats say of one frame."""
        truth = truth_of(frame)
        if self._setting.times.begins_second(truth.number):
            self._table.add(truth)
        has_pixels = isinstance(frame, SimulatedFrame)
        for writer in self._writers:
            if has_pixels or not writer.needs_pixels:
                writer.add(frame)

    def close(self) -> None:
        """Complete every file, and write the questions; safe to call twice."""
        for writer in self._writers:
            writer.close()
        if not self._closed:
            self._closed = True
            _write_questions(self._setting, self._table.poses())

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Complete every file."""
        self.close()


def write_plan_labels(
    folder: Path,
    plan: Plan,
    poses_1hz: Poses | None,
    *,
    fps: Fraction | float = 25,
    start_ns: int = 0,
    end_ns: int | None = None,
) -> None:
    """Write the labels that need no pixel: the plan, also in the field's formats, and questions.

    Args:
        folder: Where the labels go; made when it is not there.
        plan: The procedure.
        poses_1hz: Camera and tips at each whole second of the piece; without them there is no
            trajectory, and no question of where things are.
        fps: Rate that frames are numbered by, at least 1.
        start_ns: Start of the piece in the procedure.
        end_ns: End of the piece, None for that of the procedure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    piece = Piece(plan, start_ns=start_ns, end_ns=end_ns)
    write_plan_file(folder, piece)
    seen = Piece(plan, start_ns=start_ns, end_ns=end_ns, poses=poses_1hz)
    setting = Setting.of(folder, seen, fps)
    cholec80.write_plan(setting)
    cholect50.write_plan(setting)
    if poses_1hz is not None:
        trajectory.write_poses(setting, poses_1hz)
    _write_questions(setting, poses_1hz)


def _write_questions(setting: Setting, poses: Poses | None) -> None:
    piece = setting.piece
    questions = make_questions(piece.plan, poses, start_ns=piece.start_ns, end_ns=piece.end_ns)
    write_questions(setting.folder / QUESTIONS, questions)


def arrays_of(formats: Collection[str]) -> frozenset[str]:
    """Return the arrays that a frame needs for these formats."""
    return frozenset(array for name in formats for array in ARRAYS.get(name, ()))


def check_format(name: str) -> None:
    """Raise when there is no such format."""
    if name not in WRITERS:
        raise UsageError(
            "There is no such label format",
            got=repr(name),
            allowed=", ".join(FORMATS),
            remedy=nearest(name, FORMATS),
        )
