"""Whole trainings in the GPU benchmark of splats: how long they take, and whether they end alike.

Every arm learns the same surface, moved away at random, from pictures of 7 cameras, and is asked
for the eighth. Ours must end where gsplat does: recon3d.md section 7's training equivalence.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any, Final

import torch
from splats_gpu_arms import Ours, Session
from splats_gpu_cases import VIEWS, Case
from splats_gpu_gates import psnr
from splats_gpu_loss import ssim
from torch import Tensor

SEEDS: Final = (0, 1, 2)
STEPS: Final = 3_000
QUICK_STEPS: Final = 30
HELD_OUT: Final = VIEWS - 1
AWAY: Final = (0.15, 0.05, 0.15, 0.5, 0.3)
"""Standard deviations by which means, quaternions, log scales, logits and colors are moved."""
LIMITS: Final = {"psnr_db": 0.1, "ssim": 1e-3}
"""How far the median over seeds of ours may be from gsplat's."""
DEPTH: Final = 1.02
"""How many times gsplat's depth error ours may be."""


def moved_away(case: Case, seed: int) -> Case:
    """Return a case whose Gaussians have been moved at random, the same for every arm."""
    draws = torch.Generator().manual_seed(1000 + seed)
    moved = [
        t + (far * torch.randn(t.shape, generator=draws)).to(t)
        for t, far in zip(case.scene.tensors, AWAY, strict=True)
    ]
    return replace(case, scene=type(case.scene)(*moved))


def goals_of(case: Case) -> list[tuple[Tensor, Tensor]]:
    """Return color and depth of every view of the scene as it is."""
    session = Ours(case)
    goals: list[tuple[Tensor, Tensor]] = []
    for view in range(VIEWS):
        color, depth, _ = session.forward(view)
        assert depth is not None
        goals.append((color.clone(), depth.clone()))
    return goals


def trained(session: Session, goals: list[tuple[Tensor, Tensor]], steps: int) -> float:
    """Train and return the seconds that it took, the first steps and a capture included."""
    on_gpu = goals[0][0].device.type == "cuda"
    session.aim(goals[0][0].clone(), goals[0][1].clone())
    if on_gpu:
        torch.cuda.synchronize()
    began = time.perf_counter()
    for step in range(steps):
        color, depth = goals[step % HELD_OUT]
        session.target.copy_(color)
        session.target_depth.copy_(depth)
        session.step(step % HELD_OUT)
    if on_gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    if isinstance(session, Ours):
        session.settle()
    return seconds


def settled(case: Case, kind: type[Session], steps: int) -> Case:
    """Return a case whose scene an arm has learned, as far as some steps go.

    Splats that were trained overlap, stretch and fade as those of users do; drawn ones do not.
    """
    if steps == 0:
        return case
    session = kind(moved_away(case, 0))
    trained(session, goals_of(case), steps)
    return replace(case, scene=session.scene.map(lambda t: t.detach().clone()))


def quality(session: Session, goal: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return how well the view is drawn that nothing was learned from."""
    color, depth, alpha = session.forward(HELD_OUT)
    found = {
        "psnr_db": psnr((color, None, None), (goal[0], None, None)),
        "ssim": float(ssim(color, goal[0]).mean()),
    }
    if depth is not None and alpha is not None:
        seen = (alpha > 0.5) & (goal[1] > 0)
        found["depth_error"] = float(((depth - goal[1]).abs() / goal[1])[seen].mean())
    return found


def trainings(case: Case, arms: list[type[Session]], steps: int) -> dict[str, Any]:
    """Return time and quality of every arm, medians over seeds, and where they began.

    Args:
        case: The scene to be learned.
        arms: Those that can draw it.
        steps: Of each training.
    """
    goals = goals_of(case)
    rows: dict[str, list[dict[str, float]]] = {}
    began: list[dict[str, float]] = []
    for seed in SEEDS:
        start = moved_away(case, seed)
        began.append(quality(Ours(start), goals[HELD_OUT]))
        for place in range(len(arms)):
            session = arms[(place + seed) % len(arms)](start)
            seconds = trained(session, goals, steps)
            found = {"seconds": seconds, **quality(session, goals[HELD_OUT])}
            rows.setdefault(session.name, []).append(found)
    return {
        "steps": steps,
        "gaussians": len(case.scene),
        "size": [case.camera.width, case.camera.height],
        "before": _medians(began),
        "arms": {name: _medians(found) for name, found in rows.items()},
    }


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 6) for key in rows[0]}


def apart(found: dict[str, Any]) -> list[str]:
    """Return where ours does not end as gsplat does, or learned nothing at all."""
    lines: list[str] = []
    gsplat = found["arms"].get("gsplat")
    for name, row in found["arms"].items():
        if not name.startswith("ours"):
            continue
        if row["psnr_db"] <= found["before"]["psnr_db"]:
            lines.append(
                f"training, {name}: PSNR {row['psnr_db']:.2f} dB after {found['steps']} steps, "
                f"{found['before']['psnr_db']:.2f} before"
            )
        if gsplat is None:
            continue
        lines += [
            f"training, {name}: {key} {row[key]:.4g} beside gsplat's {gsplat[key]:.4g}, "
            f"allowed {limit:g} away"
            for key, limit in LIMITS.items()
            if abs(row[key] - gsplat[key]) > limit
        ]
        if row["depth_error"] > DEPTH * gsplat["depth_error"]:
            lines.append(
                f"training, {name}: depth error {row['depth_error']:.3g}, allowed {DEPTH:g} times "
                f"gsplat's {gsplat['depth_error']:.3g}"
            )
    return lines


def page_of(found: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    width, height = found["size"]
    before = found["before"]
    lines = [
        f"## Training, {found['steps']:,} steps", "",
        f"{found['gaussians']:,} Gaussians, {width}×{height}, from 7 views, asked for the eighth; "
        f"medians of {len(SEEDS)} seeds. Before: {before['psnr_db']:.2f} dB.", "",
        "| arm | seconds | PSNR, dB | SSIM | depth, relative error |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in found["arms"].items():
        depth = f"{row['depth_error']:.4f}" if "depth_error" in row else "none drawn"
        cells = [f"{row['seconds']:.2f}", f"{row['psnr_db']:.2f}", f"{row['ssim']:.4f}", depth]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]
