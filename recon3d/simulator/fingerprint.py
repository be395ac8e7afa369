"""One hash of what a seed decides before a pixel is drawn: the plan, and where everything is.

Two machines that agree on it simulate the same procedure, whatever their processors and libraries.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from videoengine.canonical import dumps
from videoengine.events import plain
from videoengine.recon3d.simulator.kinematics import Kinematics
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan

STEP: Final = 1e-3
"""Poses are rounded to so many mm and, their rotations being sines and cosines, rad."""


def fingerprint(plan: Plan) -> str:
    """Return the SHA-256 of a plan, and of the poses of camera and instruments once a second."""
    whole = hashlib.sha256(dumps(plain(plan)).encode("utf-8"))
    kinematics = Kinematics(plan, make_anatomy(plan))
    times = np.arange(0, plan.ticks, TICKS_PER_SECOND) / TICKS_PER_SECOND
    tracks = kinematics.tool_tracks(times)
    for poses in (kinematics.camera(times), tracks.world_from_tool, tracks.jaw_angle_rad):
        # a rounded zero has two signs; as an integer it has one
        whole.update(np.rint(poses / STEP).astype("<i8").tobytes())
    return whole.hexdigest()
