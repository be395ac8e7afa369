"""Simulated procedures end to end: analyzed, killed and resumed, exported; made into files.

CI kills one run; `make soak` (VIDEOENGINE_SOAK=1) four.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from videoengine.apps.analyze import analyze, resume
from videoengine.apps.cli import run
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import SourceError
from videoengine.events import canonical_lines
from videoengine.recon3d.simulator import procedure
from videoengine.streams import open_source

pytestmark = pytest.mark.slow
DRIVER = Path(__file__).parent.parent / "support" / "kill_driver.py"
SHORT = "sim://colonoscopy?seed=5&start=4s&duration=2s&size=96x80"
"""From the theatre into the body."""
LONG = "sim://colonoscopy?seed=3&duration=12s&size=64x64&fps=10"
"""Longer than a checkpoint's distance; into the body at 7.6 s."""
KILLS = [("write", 0.6), ("fsync", 0.8), ("write", 0.9), ("rename", 0.9)]
PROCEDURES = Path(str(procedure.__file__)).parent / "procedures"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("analyzed") / "case"
    outcome = analyze(SHORT, path, modality="laparoscopy")
    assert outcome.failures == ()
    assert outcome.frames == 50
    return path


def test_a_simulated_case_is_whole_and_names_its_source(case: Path) -> None:
    assert verify(case).events == len(list(Case.open(case).events()))
    record = Case.open(case).manifest.source
    assert record is not None
    assert (record.path, record.kind) == (SHORT, "uri")
    report = (case / "report.html").read_text()
    assert "colonoscopy, seed 5" in report


def test_resume_of_a_finished_case_does_nothing(case: Path) -> None:
    before = (case / "events.jsonl").read_bytes()
    assert resume(case).frames == 50
    assert (case / "events.jsonl").read_bytes() == before


def test_pictures_of_a_simulated_case_are_exported(case: Path, tmp_path: Path) -> None:
    for kind, name in (("video", "out.mp4"), ("frames", "frames"), ("jsonl", "log.jsonl")):
        assert run(["export", str(case), "--to", kind, "--out", str(tmp_path / name)]) == 0
    assert len(list((tmp_path / "frames").glob("*.jpg"))) == 50
    with open_source(tmp_path / "out.mp4") as source:
        stamps = [frame.pts_ns for frame in source]
    assert stamps == [number * 40_000_000 for number in range(50)]


def test_a_changed_procedure_file_is_refused(tmp_path: Path) -> None:
    text = (PROCEDURES / "cholecystectomy.toml").read_text("utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text, "utf-8")
    analyze(f"sim://{mine}?seed=1&duration=1s&size=64x64", tmp_path / "case")
    resume(tmp_path / "case")
    out = ["--out", str(tmp_path / "out.mp4")]
    assert run(["export", str(tmp_path / "case"), "--to", "video", *out]) == 0
    mine.write_text((PROCEDURES / "colonoscopy.toml").read_text("utf-8"), "utf-8")
    again = ["--out", str(tmp_path / "again.mp4")]
    assert run(["export", str(tmp_path / "case"), "--to", "video", *again]) == SourceError.exit_code
    assert not (tmp_path / "again.mp4").exists()


def drive(count: Path, operation: str, number: int, *arguments: object) -> int:
    command = [sys.executable, DRIVER, count, operation, number, *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, int]]:
    folder = tmp_path_factory.mktemp("unbroken")
    assert drive(folder / "count", "none", 0, "analyze", LONG, folder / "case") == 0
    lines = canonical_lines(Case.open(folder / "case").events())
    return lines, json.loads((folder / "count").read_text())


@pytest.mark.parametrize(
    ("operation", "share"), KILLS if os.environ.get("VIDEOENGINE_SOAK") else KILLS[2:3]
)
def test_a_killed_run_is_resumed_to_the_events_of_an_unbroken_one(
    operation: str, share: float, unbroken: tuple[list[str], dict[str, int]], tmp_path: Path
) -> None:
    lines, operations = unbroken
    case, count = tmp_path / "case", tmp_path / "count"
    point = max(1, round(share * operations[operation]))
    assert drive(count, operation, point, "analyze", LONG, case) == -signal.SIGKILL
    assert drive(count, "none", 0, "resume", case) == 0
    assert canonical_lines(Case.open(case).events()) == lines
    verify(case)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["analyze", "sim://cholecystectomi?seed=1"], 2, "Did you mean 'cholecystectomy'"),
        (["analyze", "sim://cholecystectomy?seed=1&duration=99h"], 2, "Ask for at most"),
        (["analyze", "sim://cholecystectomy?sede=1"], 2, "Did you mean 'seed'"),
        (["analyze", "sim:///nowhere/mine.toml?seed=1"], 2, "mine.toml"),
        (["live", "sim://cholecystectomy?seed=1"], 2, "sim://"),
        (["simulate", "cholecystectomi", "--seed", "1"], 2, "Did you mean 'cholecystectomy'"),
        (["simulate", "colonoscopy", "--seed", "1", "--start", "9h"], 2, "Start earlier"),
        (["simulate", "colonoscopy", "--seed", "1", "--size", "64x63"], 2, "64 to 4096"),
    ],
)
def test_bad_input_is_one_line_and_makes_nothing(
    words: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--out", str(tmp_path / "out"), "--json"]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("procedure", ["cholecystectomy", "colonoscopy"])
def test_a_file_shows_what_the_source_shows(procedure: str, tmp_path: Path) -> None:
    piece = ["--start", "4.5s", "--duration", "1s", "--size", "128x104", "--fps", "10"]
    out = tmp_path / "out"
    assert run(["simulate", procedure, "--seed", "3", "--out", str(out), "--json", *piece]) == 0
    uri = f"sim://{procedure}?seed=3&start=4.5s&duration=1s&size=128x104&fps=10"
    with open_source(uri) as source, open_source(out / "video.mp4") as file:
        made, read = list(source), list(file)
        assert [frame.pts_ns for frame in made] == [frame.pts_ns for frame in read]
        for first, second in ((made[0], read[0]), (made[9], read[9])):
            difference = first.pixels.rgb().astype(int) - second.pixels.rgb()
            assert np.abs(difference).mean() < 8
    assert (out / "labels" / "plan.json").is_file()


def test_an_interrupt_leaves_nothing_half_made(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "videoengine.apps.cli", "simulate", "cholecystectomy"]
    command += ["--seed", "1", "--out", str(tmp_path / "out"), "--size", "128x104"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not any(path.name.endswith(".partial") for path in tmp_path.iterdir()):
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "was not made" in error.decode().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
