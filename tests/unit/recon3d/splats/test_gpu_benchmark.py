"""The GPU benchmark of splats, tried on the CPU: gates, turns, the JSON and the page."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch
SCRIPT = Path(__file__).parents[3] / "benchmarks" / "splats_gpu.py"


def run(*given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *given]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_harness_runs_its_gates_and_times_every_arm(tmp_path: Path) -> None:
    quick = ("--device", "cpu", "--quick", "--rounds", "2", "--case", "hot spot, 2k, 96x80")
    done = run(*quick, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "splats_gpu.json").read_text())
    arms = {"ours, eager", "ours, exact"}
    assert set(result["errors_to_float64"]) == arms
    gradient = result["errors_to_float64"]["ours, eager"]["gradients"]["means"]["gradient"]
    assert 0 < gradient < 1e-3
    case = result["cases"]["hot spot, 2k, 96x80"]
    for work in ("forward", "both", "step"):
        assert [set(block) for block in case["times_ms"][work]] == [arms, arms]
        assert all(row["n"] == 2 for block in case["times_ms"][work] for row in block.values())
    page = (tmp_path / "splats_gpu.md").read_text()
    assert "| ours, eager |" in page
    assert "gsplat: needs a CUDA device." in page


def test_whole_trainings_are_run_and_compared(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--quick", "--rounds", "2", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "splats_gpu.json").read_text())["training"]
    eager, exact = (found["arms"][f"ours, {name}"] for name in ("eager", "exact"))
    assert eager["psnr_db"] > found["before"]["psnr_db"] + 1
    assert eager["psnr_db"] == pytest.approx(exact["psnr_db"], abs=0.1)
    assert "## Training, 30 steps" in (tmp_path / "splats_gpu.md").read_text()


def test_a_training_that_ends_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    apart = importlib.import_module("splats_gpu_training").apart
    good = {"psnr_db": 30.0, "ssim": 0.9, "depth_error": 0.01}
    before = {"psnr_db": 20.0, "ssim": 0.5, "depth_error": 0.1}
    arms = {"gsplat": good, "ours, eager": {**good, "psnr_db": 30.05}}
    assert apart({"steps": 3000, "before": before, "arms": arms}) == []
    arms["ours, graph"] = {"psnr_db": 29.0, "ssim": 0.89, "depth_error": 0.02}
    assert len(apart({"steps": 3000, "before": before, "arms": arms})) == 3
    arms = {"ours, eager": {**good, "psnr_db": 19.0}}
    assert "19.00 dB" in apart({"steps": 3000, "before": before, "arms": arms})[0]


def test_a_cpu_is_not_timed_as_if_it_were_a_gpu(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "allowed here: --device cpu --quick" in done.stderr
    assert not list(tmp_path.iterdir())
