"""SIGKILL at any moment, then `resume`: the log says what an unbroken run says.

CI runs 8 kills; `make soak` (VIDEOENGINE_SOAK=1) runs 50.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.clips import write_clip

from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.events import canonical_lines

KILLS = 50 if os.environ.get("VIDEOENGINE_SOAK") else 8
DRIVER = Path(__file__).parent.parent / "support" / "kill_driver.py"
OPERATIONS = ("write", "fsync", "rename")


def drive(
    count_file: Path, operation: str, number: int, *arguments: object
) -> subprocess.Popen[bytes]:
    command = [sys.executable, DRIVER, count_file, operation, number, *arguments]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 32 s with a 3 s gap: three checkpoints, two epochs."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    stamps = [n * 40 for n in range(500)] + [23_000 + n * 40 for n in range(300)]
    return write_clip(path, stamps_ms=stamps, size=(160, 120))


@pytest.fixture(scope="module")
def unbroken(
    clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], dict[str, int], float]:
    """Canonical events of an unbroken run, its durable operations, and its seconds."""
    folder = tmp_path_factory.mktemp("unbroken")
    began = time.monotonic()
    child = drive(folder / "count", "none", 0, "analyze", clip, folder / "case")
    _, error = child.communicate()
    assert child.returncode == 0, error.decode()
    lines = canonical_lines(Case.open(folder / "case").events())
    assert len(lines) > 300
    return lines, json.loads((folder / "count").read_text()), time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_is_resumed_to_the_events_of_an_unbroken_one(
    number: int, clip: Path, unbroken: tuple[list[str], dict[str, int], float], tmp_path: Path
) -> None:
    lines, operations, seconds = unbroken
    rng = random.Random(number)
    case, count = tmp_path / "case", tmp_path / "count"
    kind = (*OPERATIONS, "moment")[number % 4]
    point = 0 if kind == "moment" else rng.randint(1, operations[kind])
    child = drive(count, kind, point, "analyze", clip, case)
    if kind == "moment":
        time.sleep(rng.uniform(0.1, 1.0) * seconds)
        child.kill()
    child.communicate()
    assert child.returncode in (0, -signal.SIGKILL)

    if not case.exists():
        child = drive(count, "none", 0, "analyze", clip, case)
    else:
        # Half of the resumes are killed as well: a resume must be as safe as a run.
        again = rng.choice(OPERATIONS)
        child = drive(count, again, rng.randint(1, 4) if number % 2 else 0, "resume", case)
        child.communicate()
        child = drive(count, "none", 0, "resume", case)
    _, error = child.communicate()
    assert child.returncode == 0, error.decode()
    assert canonical_lines(Case.open(case).events()) == lines
    verify(case)
    assert (case / "report.html").exists()
    assert not (case / "checkpoint.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "count"]
