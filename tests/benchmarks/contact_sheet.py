"""The contact sheets of docs/simulator.md: moments of simulated procedures, at 320 pixels each.

    python tests/benchmarks/contact_sheet.py

Each row is a seed. Moments are chosen by what the plan says happens, never by how they look.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.simulation import Simulation
from videoengine.streams.jpeg import JpegEncoder

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
SEEDS = (11, 12, 13)
SIZE = (320, 256)


def moments(plan: Plan) -> list[int]:
    """Return ticks: the middle of work in each phase, then of blood, smoke, cleaning."""
    chosen: list[int] = []
    for phase in plan.phases:
        ticks = [
            (action.arrive + action.leave) // 2
            for visit in plan.visits
            for action in visit.actions
            if phase.start <= action.arrive < phase.end and not plan.is_outside(action.leave)
        ]
        chosen.append(sorted(ticks)[len(ticks) // 2] if ticks else (phase.start + phase.end) // 2)
    chosen = sorted(set(chosen))[:6]
    for kind in ("bleeding", "coagulation"):
        found = [one for one in plan.incidents if one.kind == kind]
        chosen += [found[len(found) // 2].end + TICKS_PER_SECOND // 2] if found else []
    return sorted({min(tick, plan.ticks - 1) for tick in chosen})


def sheet(procedure: str) -> NDArray[np.uint8]:
    """Return the sheet of a procedure, uint8 (H, W, 3)."""
    rows: list[NDArray[np.uint8]] = []
    for seed in SEEDS:
        plan = make_plan(load_procedure(procedure), seed)
        simulation = Simulation(plan, size=SIZE)
        ticks = moments(plan)
        while len(ticks) < 8:  # sheets are rectangular
            ticks.append(ticks[-1] + TICKS_PER_SECOND)
        frames = [
            simulation.frame(Fraction(tick, TICKS_PER_SECOND), number=tick).rgb
            for tick in ticks[:8]
        ]
        rows += [np.concatenate(frames[:4], axis=1), np.concatenate(frames[4:], axis=1)]
    return np.concatenate(rows, axis=0)


def main() -> None:
    """Write both sheets."""
    for procedure in ("cholecystectomy", "colonoscopy"):
        path = DOCS / f"simulator_{procedure}.jpg"
        path.write_bytes(JpegEncoder(4).encode(sheet(procedure)))
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
