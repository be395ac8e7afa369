from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from videoengine.recon3d.simulator.labels.frame_times import FrameTimes
from videoengine.recon3d.simulator.pose_series import poses_each_second
from videoengine.recon3d.simulator.pose_table import poses_of
from videoengine.recon3d.simulator.simulation import Simulation
from videoengine.recon3d.simulator.source import plan_of
from videoengine.recon3d.simulator.take import Filming, Take

PIXELS = 1e-3
"""The renderer's lens is in single precision."""
MM = 1e-9
"""Double precision; the order of two products differs."""


@pytest.mark.parametrize(("procedure", "start_s"), [("cholecystectomy", 98), ("colonoscopy", 200)])
def test_poses_of_a_take_are_those_of_its_frames(procedure: str, start_s: int) -> None:
    piece = Filming(start_ns=start_s * 10**9, duration_ns=round(14.5 * 10**9), size=(320, 256))
    take = Take(plan_of(procedure, 5), piece)
    at_once = poses_each_second(take)
    simulation = Simulation(take.plan, size=(320, 256))
    truths = [simulation.truth(Fraction(start_s + k), number=25 * k) for k in range(15)]
    singly = poses_of(truths, simulation.camera)
    assert np.array_equal(at_once.time_ns, singly.time_ns)
    assert np.array_equal(at_once.tip_sample, singly.tip_sample)
    assert np.array_equal(at_once.tip_track, singly.tip_track)
    assert np.array_equal(at_once.tip_seen, singly.tip_seen)
    np.testing.assert_allclose(at_once.world_from_camera, singly.world_from_camera, atol=MM)
    np.testing.assert_allclose(at_once.tip_mm, singly.tip_mm, atol=MM)
    np.testing.assert_allclose(at_once.tip_px, singly.tip_px, atol=PIXELS)


def test_a_take_has_as_many_frames_as_its_labels() -> None:
    plan = plan_of("colonoscopy", 5)
    for duration_ns, fps in ((10**9, "25"), (1_234_567_890, "30000/1001"), (40_000_000, "7.5")):
        take = Take(plan, Filming(duration_ns=duration_ns, fps=Fraction(fps)))
        assert take.frame_count == FrameTimes(take.duration_ns, Fraction(fps)).count
