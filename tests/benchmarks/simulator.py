"""The simulator's speed: frames, ticks of state, labels without video; and its memory over an hour.

    python tests/benchmarks/simulator.py
    python tests/benchmarks/simulator.py --dry --part frames

Frames are rendered in order, each with the tick of state that leads to it, through a stretch with
instruments, smoke, blood or water; one sample a pixel, one shadow ray. Anatomies are built before
the clock starts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from measure import machine, publish, summary

from videoengine import _native
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.simulation import Backend, Simulation

PROCEDURES: Final = ("cholecystectomy", "colonoscopy")
SIZES: Final = ((256, 208), (640, 512))
ARRAYS: Final[dict[str, tuple[str, ...]]] = {
    "picture": (),
    "picture, depth, masks": ("depth", "mask/instrument", "mask/part", "mask/track", "region"),
}
SEED: Final = 7
WARM_UP: Final = 6
TARGETS: Final = {"256x208": 25.0, "640x512": 4.0, "labels_only_per_minute": 500.0}
"""Issue 4, on two cores."""
HOUR_MINUTES: Final = 60.0


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this process states no resident memory")


def busy_tick(plan: Plan) -> int:
    """Return the first tick in the body at which smoke, blood or water begins."""
    kinds = ("coagulation", "bleeding", "irrigation", "suction")
    return next(i.start for i in plan.incidents if i.kind in kinds and not plan.is_outside(i.start))


def frame_at(source: Simulation, tick: int, arrays: tuple[str, ...] = ()) -> None:
    moment = Fraction(tick, TICKS_PER_SECOND)
    source.frame(moment, number=tick, arrays=arrays, next_time_s=moment)


def frame_rates(source: Simulation, tick: int, blocks: int, frames: int) -> dict[str, Any]:
    """Return frames a second, by what is asked for; the kinds take turns."""
    rates: dict[str, list[float]] = {name: [] for name in ARRAYS}
    for _ in range(blocks):
        for name, arrays in ARRAYS.items():
            began = time.perf_counter()
            for _ in range(frames):
                tick += 1
                frame_at(source, tick, arrays)
            rates[name].append(frames / (time.perf_counter() - began))
    return {name: summary(values) for name, values in rates.items()}


def frames(backend: Backend, blocks: int) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in PROCEDURES:
        plan = make_plan(load_procedure(name), SEED)
        tick = busy_tick(plan)
        for size in SIZES:
            source = Simulation(plan, size=size, backend=backend)
            for number in range(tick, tick + WARM_UP):
                frame_at(source, number)
            per_block = 10 if size == SIZES[0] else 3
            rates = frame_rates(source, tick + WARM_UP, blocks, per_block)
            rows[f"{name} {size[0]}x{size[1]}"] = rates
    return rows


def ticks(blocks: int) -> dict[str, Any]:
    """Return ticks of state a second: the cost of a frame that is asked for alone."""
    rows: dict[str, Any] = {}
    for name in PROCEDURES:
        plan = make_plan(load_procedure(name), SEED)
        source, tick = Simulation(plan, size=(64, 52)), busy_tick(plan)
        frame_at(source, tick)
        rates: list[float] = []
        for _ in range(blocks):
            tick += 50
            began = time.perf_counter()
            frame_at(source, tick)
            rates.append(50 / (time.perf_counter() - began))
        rows[name] = summary(rates)
    return rows


def labels(count: int) -> dict[str, Any]:
    """Return procedures a minute with --labels-only, written to disk, one process."""
    # not at the top: the verb needs PyAV, which a GPU machine lacks
    from videoengine.apps.simulate import make_order, simulate_many

    rows: dict[str, Any] = {}
    for name in PROCEDURES:
        order = make_order(name, {}, labels_only=True)
        with tempfile.TemporaryDirectory() as folder:
            list(simulate_many(order, range(10_000, 10_002), folder))
            rates: list[float] = []
            for block in range(5):
                seeds = range(block * count, (block + 1) * count)
                began = time.perf_counter()
                list(simulate_many(order, seeds, folder))
                rates.append(60 * count / (time.perf_counter() - began))
        rows[name] = summary(rates)
    return rows


def hour_of(name: str) -> Plan:
    """Return a plan of about an hour: the same procedure, its phases less compressed."""
    procedure = load_procedure(name)
    stretch = HOUR_MINUTES * 60 / (0.5 * (procedure.shortest_s + procedure.longest_s))
    hour_s = HOUR_MINUTES * 60
    return make_plan(
        replace(
            procedure,
            time_scale=procedure.time_scale * stretch,
            shortest_s=0.9 * hour_s,
            longest_s=1.2 * hour_s,
        ),
        SEED,
    )


def memory(share: float) -> dict[str, Any]:
    """Return MiB resident over an hour: every tick of state, a frame every 10 s."""
    plan = hour_of("cholecystectomy")
    source = Simulation(plan, size=SIZES[0])
    last = int(share * (plan.ticks - 1))
    marks = [round(last * part) for part in (0.05, 0.25, 0.5, 0.75, 1.0)]
    samples: dict[str, float] = {}
    stops = sorted({*range(0, last, 10 * TICKS_PER_SECOND), *marks})
    for tick in stops:
        frame_at(source, tick)
        if tick in marks:
            samples[f"{tick / TICKS_PER_SECOND:.0f} s"] = round(resident_mib(), 1)
    first, *_, end = samples.values()
    return {
        "media_seconds": round(plan.duration_s, 1),
        "reached_seconds": round(last / TICKS_PER_SECOND, 1),
        "resident_mib": samples,
        "growth_mib": round(end - first, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print, publish nothing")
    parser.add_argument("--backend", choices=("cpu", "baseline", "cuda"), default="cpu")
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--labels", type=int, default=25, help="procedures a block")
    parser.add_argument("--share", type=float, default=1.0, help="of the hour")
    parser.add_argument("--part", action="append", choices=("frames", "ticks", "labels", "memory"))
    options = parser.parse_args()
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "frames": lambda: frames(options.backend, options.blocks),
        "ticks": lambda: ticks(options.blocks),
        "labels": lambda: labels(options.labels),
        "memory": lambda: memory(options.share),
    }
    chosen: Iterable[str] = options.part or parts
    result: dict[str, Any] = {
        "what": "frames/s, ticks of state/s, labels-only procedures/min, MiB over an hour",
        "backend": options.backend,
        "instruction_set": _native.instruction_set(),
        "targets": TARGETS,
        **{name: parts[name]() for name in chosen},
    }
    if options.dry:
        print(json.dumps({"machine": machine(), **result}, indent=1))
    else:
        publish("simulator" if options.backend != "cuda" else "simulator_cuda", result)


if __name__ == "__main__":
    main()
