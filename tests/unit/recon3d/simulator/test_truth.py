"""What is known of frames, and its pose table."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from support.small_plan import CAMERA, render, small_plan, truth_at

from videoengine.recon3d.simulator.piece import Piece
from videoengine.recon3d.simulator.pose_table import poses_of, tip_px
from videoengine.recon3d.simulator.truth import (
    KEYPOINTS,
    PARTS,
    SKELETON,
    FrameTruth,
    Keypoint,
    SimulatedFrame,
)


def test_truth_cannot_be_changed() -> None:
    truth = truth_at(small_plan(), 20, 1.0)
    with pytest.raises(FrozenInstanceError):
        truth.tick = 3  # type: ignore[misc]
    assert not hasattr(truth, "__dict__")


def test_the_skeleton_joins_every_keypoint_to_the_one_the_instrument_enters_by() -> None:
    joined = {0}
    for first, second in SKELETON:
        assert first in joined
        joined.add(second)
    assert joined == set(range(len(KEYPOINTS)))
    assert PARTS == ("shaft", "wrist", "jaw")


def test_frames_are_told_apart_by_identity_and_named_by_field() -> None:
    assert {"number", "tick", "inside", "phase", "tools", "world_from_camera", "gain"} <= {
        field.name for field in fields(FrameTruth)
    }
    assert {field.name for field in fields(SimulatedFrame)} == {"rgb", "truth", "arrays"}
    assert render(truth_at(small_plan(), 3, 1.0)) != render(truth_at(small_plan(), 3, 1.0))


def test_poses_are_gathered_a_row_per_instrument_in_the_body() -> None:
    truths = [truth_at(small_plan(), second, 1.0) for second in range(120)]
    poses = poses_of(truths, CAMERA)
    assert poses.time_ns.tolist() == [second * 10**9 for second in range(120)]
    assert np.array_equal(poses.world_from_camera[5], truths[5].world_from_camera)
    for second in (3, 20, 50, 58, 80):
        rows = np.flatnonzero(poses.tip_sample == second)
        assert poses.tip_track[rows].tolist() == [tool.track for tool in truths[second].tools]
        assert poses.tip_mm[rows].tolist() == [list(tool.tip_mm) for tool in truths[second].tools]
    assert not (poses.tip_sample == 58).any()  # out of the body


def test_a_tip_lies_between_the_jaws_and_else_where_a_pinhole_shows_it() -> None:
    tool = truth_at(small_plan(), 20, 1.0).tools[0]
    jaws = (Keypoint("jaw_left", 10.0, 4.0, 2), Keypoint("jaw_right", 14.0, 8.0, 1))
    assert tip_px(replace(tool, keypoints=jaws), CAMERA) == (12.0, 6.0)
    gone = tuple(replace(jaw, visibility=0) for jaw in jaws)
    x, y, z = tool.tip_mm
    projected = (CAMERA.cx + CAMERA.fx * x / z, CAMERA.cy + CAMERA.fy * y / z)
    assert tip_px(replace(tool, keypoints=gone), CAMERA) == pytest.approx(projected)
    behind = replace(tool, keypoints=gone, tip_mm=(1.0, 1.0, -5.0))
    assert np.isnan(tip_px(behind, CAMERA)).all()


def test_an_instrument_whose_keypoints_lie_outside_is_not_seen() -> None:
    truth = truth_at(small_plan(), 20, 1.0)
    away = tuple(replace(point, x=point.x + 90, visibility=1) for point in truth.tools[0].keypoints)
    hidden = replace(truth, tools=(replace(truth.tools[0], keypoints=away), *truth.tools[1:]))
    assert poses_of([truth, hidden], CAMERA).tip_seen.tolist() == [True, True, False, True]


def test_an_instrument_without_a_pixel_in_a_rendered_frame_is_not_seen() -> None:
    truth = replace(truth_at(small_plan(), 20, 1.0), gain=1.0)
    boxed = replace(truth, tools=(replace(truth.tools[0], box=(0, 0, 1, 1)), *truth.tools[1:]))
    assert poses_of([boxed], CAMERA).tip_seen.tolist() == [True, False]


def test_what_the_camera_does_not_catch_is_not_in_view() -> None:
    plan = small_plan()
    poses = poses_of((truth_at(plan, second, 1.0) for second in range(120)), CAMERA)
    away = (poses.tip_track == 0) & (poses.tip_sample >= 30) & (poses.tip_sample <= 40)
    piece = Piece(plan, poses=replace(poses, tip_seen=~away))
    seen_s = [(s.span.start_ns / 1e9, s.span.end_ns / 1e9) for s in piece.in_view if s.track == 0]
    assert seen_s == [(4, 29.5), (40.5, 54)]


def test_a_piece_without_an_instrument_has_poses_without_tips() -> None:
    poses = poses_of([truth_at(small_plan(), second, 1.0) for second in range(2)], CAMERA)
    assert poses.tip_px.shape == (0, 2)
    assert poses.tip_mm.shape == (0, 3)
