"""What is known of a simulated frame.

The camera looks along +z, x runs right and y down. A displayed frame has its pixel centres at
whole numbers, the first at (0, 0); a normalised box has its origin at the top left corner of the
picture, half a pixel before that. Lengths are mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.payloads import Label
from videoengine.recon3d.simulator.plan import Incident

KEYPOINTS: Final = ("entry", "shaft", "wrist", "jaw_left", "jaw_right")
"""Names of an instrument's keypoints, from where it enters the picture to its two ends."""
SKELETON: Final = ((0, 1), (1, 2), (2, 3), (2, 4))
"""Pairs of keypoints that a bone joins."""
PARTS: Final = ("shaft", "wrist", "jaw")
"""Parts of an instrument; `mask/part` holds the place in this list + 1."""

TRACK_VALUES: Final = 255
"""`mask/track` holds the track modulo this, + 1."""

Box = tuple[float, float, float, float]
"""x, y, width, height as fractions of the picture."""


@dataclass(frozen=True, slots=True)
class Keypoint:
    """A named point of an instrument, in pixels of the displayed frame."""

    name: str
    x: float
    y: float
    visibility: int
    """0 not there, 1 hidden or outside of the picture, 2 visible."""


@dataclass(frozen=True, slots=True, eq=False)
class ToolTruth:
    """One instrument that is in the body and in front of the camera."""

    track: int
    """Number of its visit."""
    label: Label
    box: Box | None
    """None when the frame is not rendered or no pixel of the instrument is seen."""
    keypoints: tuple[Keypoint, ...]
    world_from_tool: NDArray[np.float64]
    """(4, 4), mm."""
    jaw_angle_rad: float
    tip_mm: tuple[float, float, float]
    """In camera coordinates."""
    verb: Label
    target: Label


def in_picture(tool: ToolTruth, size: tuple[int, int]) -> bool:
    """Return whether a keypoint lies in the picture of a (width, height), hidden or not."""
    width, height = size
    return any(
        point.visibility and -0.5 <= point.x < width - 0.5 and -0.5 <= point.y < height - 0.5
        for point in tool.keypoints
    )


@dataclass(frozen=True, slots=True)
class PolypTruth:
    """A polyp of the procedure, as the frame shows it."""

    number: int
    """Its place among the polyps of the plan."""
    box: Box | None
    size_mm: float
    distance_mm: float
    """From the camera."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """What is known of one frame without its pixels."""

    number: int
    """From 0 at the start of the piece that is filmed."""
    tick: int
    """Newest tick of the procedure at the frame's time."""
    time_ns: int
    """From the start of the procedure."""
    inside: bool
    """Whether the camera is in the body."""
    phase: Label
    phase_progress: float
    """Share of the phase's span that is over, 0 to 1."""
    next_phase: Label | None
    remaining_s: float
    """Until the procedure ends."""
    tools: tuple[ToolTruth, ...]
    world_from_camera: NDArray[np.float64]
    """(4, 4), mm."""
    gain: float | None
    """Of the exposure control; None when the frame is not rendered."""
    bag_visible: bool
    """Whether a specimen bag is in the body."""
    polyps: tuple[PolypTruth, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """Those that last at this moment."""


@dataclass(frozen=True, slots=True)
class Camera:
    """The optics of the displayed frame, in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...]
    model: Literal["pinhole", "fisheye"]
    size: tuple[int, int]
    """(width, height)."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFrame:
    """A rendered frame and what is known of it, pixel by pixel.

    Arrays, each of the frame's height and width:

    * `depth` float32, mm along z, 0 = none;
    * `mask/instrument` uint8, id + 1 in the instrument vocabulary; `mask/tool` uint8, 0 or 255;
    * `mask/part` uint8, place in `PARTS` + 1; `mask/track` uint8, track modulo 255, + 1;
    * `flow` float32 (H, W, 2), pixels right and down to the next frame, not finite = unknown;
    * `region` uint8, id + 1 of the tissue in the target vocabulary.
    """

    rgb: NDArray[np.uint8]
    """uint8 (H, W, 3)."""
    truth: FrameTruth
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The camera and the tips of the instruments, once a second: N samples, M rows of tips."""

    time_ns: NDArray[np.int64]
    """(N,), rising, from the start of the procedure."""
    world_from_camera: NDArray[np.float64]
    """(N, 4, 4), mm."""
    size: tuple[int, int]
    """(width, height) of the picture that `tip_px` refers to."""
    tip_sample: NDArray[np.int64]
    """(M,), which sample a row belongs to; rows of one sample stand together, samples rise."""
    tip_track: NDArray[np.int64]
    """(M,), number of the visit."""
    tip_px: NDArray[np.float64]
    """(M, 2), x and y."""
    tip_mm: NDArray[np.float64]
    """(M, 3), in camera coordinates."""
    tip_seen: NDArray[np.bool_]
    """(M,), whether the camera catches the instrument: a pixel of it where frames were rendered,
    else a keypoint in the picture, hidden or not."""
