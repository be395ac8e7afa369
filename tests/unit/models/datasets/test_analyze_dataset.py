"""A dataset's video from `analyze` to export: resumed after a kill, refused when changed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import published_trees as trees

from videoengine.apps.analyze import analyze
from videoengine.apps.cli import run
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import SourceError
from videoengine.events import canonical_lines
from videoengine.models.datasets import list_videos

DRIVER = Path(__file__).parents[3] / "support" / "kill_driver.py"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A video of 22 s: two checkpoints."""
    root = trees.cholec80(tmp_path_factory.mktemp("sets") / "cholec80")
    trees.video(root / "videos/video01.mp4", 22)
    return list_videos(root)[0].uri


def drive(count: Path, number: int, *arguments: object) -> int:
    command = [sys.executable, DRIVER, count, "write", number, *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def test_a_killed_run_goes_on_to_the_events_of_an_unbroken_one(uri: str, tmp_path: Path) -> None:
    assert drive(tmp_path / "count", 0, "analyze", uri, tmp_path / "whole") == 0
    writes = json.loads((tmp_path / "count").read_text("utf-8"))["write"]
    case = tmp_path / "case"
    assert drive(tmp_path / "count", writes * 3 // 4, "analyze", uri, case) == -signal.SIGKILL
    assert drive(tmp_path / "count", 0, "resume", case) == 0
    verify(case)
    lines = canonical_lines(Case.open(tmp_path / "whole").events())
    assert canonical_lines(Case.open(case).events()) == lines
    assert len(lines) > 100


def test_images_are_analyzed_and_exported(tmp_path: Path) -> None:
    root = trees.cholect50(tmp_path / "set")
    case, out = tmp_path / "case", tmp_path / "frames"
    assert analyze(list_videos(root)[0].uri, case, modality="laparoscopy").frames == 3
    assert run(["export", str(case), "--to", "frames", "--out", str(out)]) == 0
    assert len(list(out.glob("*.jpg"))) == 3
    starts = {event.start_ns for event in Case.open(case).events() if event.kind == "privacy"}
    assert starts == {0, 10**9, 3 * 10**9}


def test_a_changed_video_is_refused_and_changed_labels_are_not(tmp_path: Path) -> None:
    root = trees.cholec80(tmp_path / "set")
    case, out = tmp_path / "case", tmp_path / "out.mp4"
    analyze(list_videos(root)[0].uri, case, modality="laparoscopy")
    rows = trees.phase_rows(["Preparation"] * 75)
    trees.table(root / "phase_annotations/video01-phase.txt", rows)
    assert run(["export", str(case), "--to", "video", "--out", str(out)]) == 0
    out.unlink()
    trees.video(root / "videos/video01.mp4", 2)
    code = run(["export", str(case), "--to", "video", "--out", str(out)])
    assert code == SourceError.exit_code
    assert not out.exists()


@pytest.mark.parametrize(
    ("tail", "code", "words"),
    [("?video=video9", 2, "Did you mean"), ("", 2, "Add ?video=video01")],
)
def test_a_wrong_uri_ends_the_command_with_one_line(
    uri: str, tail: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = uri.partition("?")[0] + tail
    assert run(["analyze", wrong, "--out", str(tmp_path / "case")]) == code
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "case").exists()
