"""Where the tips of a plan's instruments are once a second, without a renderer."""

from __future__ import annotations

import numpy as np

from videoengine.recon3d.simulator.plan import TICK_NS, Plan
from videoengine.recon3d.simulator.randomness import seeded
from videoengine.recon3d.simulator.truth import Poses

SIZE = (640, 512)
FOCAL = 520.0
REACH_MM = 35.0
SHAKE_MM = 12.0


def made_poses(plan: Plan) -> Poses:
    """Return tips that stand at the sites of their actions, about 70 mm before the camera."""
    seconds = np.arange(0, int(plan.duration_s), dtype=np.int64)
    rows = []
    for visit in plan.visits:
        for second in range(-(-visit.start // 25), min(-(-visit.end // 25), len(seconds))):
            tick = second * 25
            doing = [a for a in visit.actions if a.start <= tick < a.end]
            site = (doing or visit.actions)[0].site
            if not plan.is_outside(tick):
                x, y = (site.a - 0.5) * 2 * REACH_MM, (site.b - 0.5) * REACH_MM
                rows.append((second, visit.number, x, y, 60 + 20 * site.b))
    table = np.array(sorted(rows)).reshape(-1, 5)
    shake = seeded(plan.seed).sub("made").fractions(3 * len(table)).reshape(-1, 3)
    points = table[:, 2:] + SHAKE_MM * shake
    px = FOCAL * points[:, :2] / points[:, 2:] + np.array(SIZE) / 2
    poses = np.tile(np.eye(4), (len(seconds), 1, 1))
    poses[:, 0, 3] = seconds
    return Poses(
        seconds * (25 * TICK_NS),
        poses,
        SIZE,
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        px,
        points,
        np.ones(len(table), np.bool_),
    )
