"""The splat rasterizer on a GPU beside every installed peer: recon3d.md section 7's protocol.

    python tests/benchmarks/splats_gpu.py [--device cuda|cpu] [--quick] [--rounds N] [--out FOLDER]

Gates come first: what one of ours breaks is printed, no time is reported, and the exit code is 1.
Then the arms take turns, call by call and from 8 cameras, in two blocks whose difference is the
noise. Times are those of CUDA events, of scenes that gsplat, where it is installed, has learned for
1,000 steps. Last, every arm learns a scene in whole trainings, and ours must end where gsplat does.
`--quick` draws small scenes, on the CPU to try the harness.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import torch
from measure import RESULTS, machine
from splats_gpu_arms import PEERS, Ours, Session, arms_on, most_pairs
from splats_gpu_cases import CASES, GATE, QUICK, QUICK_GATE, TRAINING, VIEWS, Case, case_of
from splats_gpu_gates import LEAST_PSNR, passed, psnr
from splats_gpu_table import table_of
from splats_gpu_training import QUICK_STEPS, STEPS, apart, page_of, settled, trainings
from torch import Tensor

WORK: Final = ("forward", "both", "step")
BLOCKS: Final = 2


class Clock:
    """Milliseconds of calls; those of a GPU are read when all have been queued."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device == "cuda"
        self.pairs: list[tuple[Any, Any]] = []
        self.times: list[float] = []

    def run(self, call: Callable[[], object]) -> None:
        if not self.on_gpu:
            began = time.perf_counter()
            call()
            self.times.append(1000 * (time.perf_counter() - began))
            return
        pair = (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
        pair[0].record()
        call()
        pair[1].record()
        self.pairs.append(pair)

    def read(self) -> list[float]:
        if self.on_gpu:
            torch.cuda.synchronize()
            self.times = [start.elapsed_time(end) for start, end in self.pairs]
        return self.times


def spread_of(times: list[float]) -> dict[str, float]:
    """Return median, 10th and 90th percentile in milliseconds."""
    ordered = torch.tensor(times, dtype=torch.float64)
    low, middle, high = (round(float(ordered.quantile(q)), 4) for q in (0.1, 0.5, 0.9))
    return {"median": middle, "p10": low, "p90": high, "n": len(times)}


def block(sessions: list[Session], work: str, device: str, plan: tuple[int, int]) -> dict[str, Any]:
    """Time all arms in turns; who begins changes from round to round."""
    warm, rounds = plan
    clocks = {session.name: Clock(device) for session in sessions}
    for count in range(warm + rounds):
        for place in range(len(sessions)):
            session = sessions[(place + count) % len(sessions)]
            call = getattr(session, work)
            if count < warm:
                call(count % VIEWS)
            else:
                clocks[session.name].run(partial(call, count % VIEWS))
    found = {name: spread_of(clock.read()) for name, clock in clocks.items()}
    for session in sessions:
        if isinstance(session, Ours):
            session.settle()
    return found


def opened(arms: list[type[Session]], case: Case) -> tuple[list[Session], dict[str, str]]:
    """Return a session of each arm that can draw the case, and why others cannot."""
    sessions: list[Session] = []
    failed: dict[str, str] = {}
    for arm in arms:
        try:
            session = arm(case)
            session.forward(0)
            session.both(0)
        except (RuntimeError, TypeError, AttributeError, ImportError, ValueError) as error:
            if arm.name.startswith("ours"):
                raise
            failed[arm.name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
        else:
            sessions.append(session)
    return sessions, failed


def peak_of(session: Session, device: str) -> int | None:
    """Return the most bytes that forward and backward take beside what is there already."""
    if device != "cuda":
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    session.both(1)
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated() - before)


def clock_rate() -> str | None:
    """Return what nvidia-smi says of the multiprocessors' clock."""
    command = ["nvidia-smi", "--query-gpu=clocks.sm", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip() or None


def version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def target_of(case: Case) -> tuple[Tensor, Tensor]:
    """Return a picture to train towards: the scene's own with other colors, a little nearer."""
    color, depth, _ = Ours(case).forward(0)
    assert depth is not None
    return (color.flip(-1) * 0.9).clone(), (0.99 * depth).clone()


def measured(
    case: Case, arms: list[type[Session]], device: str, plan: tuple[int, int]
) -> dict[str, Any]:
    """Return the times of a case, or what kept ours from being timed."""
    sessions, failed = opened(arms, case)
    found: dict[str, Any] = {"failed": failed, "gaussians": len(case.scene)}
    found["size"] = [case.camera.width, case.camera.height]
    if device == "cuda":
        found["most_pairs"] = most_pairs(case)
    pictures = {session.name: session.forward(0) for session in sessions}
    pictures = {name: (seen[0].clone(), None, None) for name, seen in pictures.items()}
    if "gsplat" in pictures:
        found["psnr_to_gsplat_db"] = {
            name: round(psnr(seen, pictures["gsplat"]), 1)
            for name, seen in pictures.items()
            if name != "gsplat"
        }
    found["peak_bytes"] = {session.name: peak_of(session, device) for session in sessions}
    goal = target_of(case)
    found["times_ms"] = {}
    for work in WORK:
        if work == "step":
            for session in sessions:
                session.aim(*goal)
        found["times_ms"][work] = [block(sessions, work, device, plan) for _ in range(BLOCKS)]
    return found


def far_from_gsplat(name: str, found: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {arm} is {value} dB from gsplat, allowed {LEAST_PSNR:g} or more"
        for arm, value in found.get("psnr_to_gsplat_db", {}).items()
        if arm.startswith("ours") and value < LEAST_PSNR
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small scenes, few rounds")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument(
        "--settle", type=int, default=1000, help="steps by which scenes are learned"
    )
    parser.add_argument("--case", action="append", help="only these; by default all")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("No CUDA device is here; got --device cuda; allowed: --device cpu --quick.")
    if given.device == "cpu" and not given.quick:
        parser.error("The CPU is timed by splats.py; allowed here: --device cpu --quick.")
    if given.rounds < 2:
        parser.error(f"--rounds is too small; got {given.rounds}; allowed: 2 or more.")
    if given.settle < 0:
        parser.error(f"--settle is negative; got {given.settle}; allowed: 0 or more.")
    return given


def main() -> None:
    given = arguments()
    arms, left_out = arms_on(given.device)
    gate = case_of("gate", QUICK_GATE if given.quick else GATE, given.device)
    sessions, failed = opened(arms, gate)
    errors, broken = passed(sessions, gate)
    result: dict[str, Any] = {
        "what": "splats: forward, forward and backward, training step; milliseconds",
        "device": torch.cuda.get_device_name() if given.device == "cuda" else "cpu",
        "torch": torch.__version__,
        "left_out": left_out | failed,
        "peers": {name: found for name in PEERS if (found := version_of(name)) is not None},
        "errors_to_float64": errors,
        "clock_before": clock_rate(),
        "cases": {},
    }
    plan = (2, min(given.rounds, 3)) if given.quick else (50, given.rounds)
    teacher = next((type(one) for one in sessions if one.name == "gsplat"), Ours)
    steps = min(given.settle, 3) if given.quick else given.settle
    result["scenes"] = f"learned by {teacher.name} in {steps} steps"
    plans = QUICK if given.quick else CASES
    for name in given.case or plans:
        if broken:
            break
        print(f"== {name}", flush=True)
        case = settled(case_of(name, plans[name], given.device), teacher, steps)
        found = measured(case, arms, given.device, plan)
        broken += far_from_gsplat(name, found)
        result["cases"][name] = found
    if not broken and not given.case:
        print("== training", flush=True)
        learned = case_of("training", QUICK_GATE if given.quick else TRAINING, given.device)
        able = [type(session) for session in opened(arms, learned)[0]]
        result["training"] = trainings(learned, able, QUICK_STEPS if given.quick else STEPS)
        broken += apart(result["training"])
    result["clock_after"] = clock_rate()
    if broken:
        raise SystemExit("No time is reported:\n" + "\n".join(broken))
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), **result}, indent=1)
    (given.out / "splats_gpu.json").write_text(text + "\n")
    table = table_of(result)
    if "training" in result:
        table += "\n" + "\n".join(page_of(result["training"]))
    (given.out / "splats_gpu.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
