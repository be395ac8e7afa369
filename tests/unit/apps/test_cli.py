from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.recordings import write_stamped

import videoengine
from videoengine.apps import verify as verify_module
from videoengine.apps.cli import run
from videoengine.apps.console import show_json

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "videoengine.apps.cli"]


def launch(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        # a shell's background job ignores SIGINT, and its children with it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def refused(arguments: list[object], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail with `code` and one line on stderr; return the line."""
    assert run([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("videoengine: ")
    assert "Traceback" not in captured.err + captured.out
    return lines[0]


def test_the_version_states_what_this_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == (
        f"videoengine {videoengine.__version__}\nResearch use only. Not a medical device.\n"
    )


def test_the_command_line_imports_no_codec_and_no_array_library() -> None:
    code = (
        "import sys, videoengine.apps.cli; "
        "print([m for m in ('av', 'numpy', 'rich', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analise", "x"], "Did you mean 'analyze'"),
        (["analyze", "x", "--ou", "y"], "Did you mean '--out'"),
        (["analyze", "x"], "Missing option '--out'"),
        (["verify"], "Missing argument 'CASE'"),
        (["verify", "x", "--jsn"], "Did you mean '--json'"),
        (["analyze", "x", "--out", "y", "--until", "soon"], "90s, 2m, 1h30m"),
        (["analyze", "x", "--out", "y", "--preset", "basik"], "Did you mean 'basic'"),
        (["analyze", "x", "--out", "y", "--stages", "qality"], "Did you mean 'quality'"),
        (["analyze", "x", "--out", "y", "--modality", "laparoscpy"], "Did you mean 'laparoscopy'"),
    ],
)
def test_a_bad_call_is_one_line_with_the_nearest_name(
    arguments: list[object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refused(arguments, 2, capsys)


def test_the_exit_codes_are_those_of_the_contract(
    case: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    refused(["verify", tmp_path / "absent"], 5, capsys)
    refused(["purge", tmp_path], 5, capsys)
    refused(["resume", tmp_path / "absent"], 5, capsys)
    refused(["analyze", tmp_path / "absent.mp4", "--out", out, "--json"], 3, capsys)
    refused(["export", case, "--to", "cvs", "--out", out], 2, capsys)
    out.touch()
    refused(["export", case, "--to", "csv", "--out", out], 6, capsys)
    clip.unlink()
    refused(["export", case, "--to", "video", "--out", tmp_path / "v.mp4"], 3, capsys)


@pytest.mark.parametrize("verb", ["analyze", "resume", "verify", "purge", "export", "doctor"])
def test_json_is_all_there_is_on_stdout(
    verb: str, case: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: dict[str, list[object]] = {
        "analyze": [clip, "--out", tmp_path / "new"],
        "resume": [case],
        "verify": [case],
        "purge": [case],
        "export": [case, "--to", "csv", "--out", tmp_path / "out.csv"],
        "doctor": [],
    }
    assert run([verb, *map(str, arguments[verb]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_analyze_prints_its_configuration_and_where_the_report_is(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["analyze", str(clip), "--out", str(tmp_path / "new"), "--until", "2s"]) == 0
    out = capsys.readouterr().out
    assert "rate_hz=5.0" in out
    assert "until_ns   2000000000" in out
    assert str(tmp_path / "new" / "report.html") in out
    assert (tmp_path / "new" / "report.html").is_file()


def test_resume_of_a_finished_case_writes_what_is_missing(case: Path) -> None:
    assert not (case / "report.html").exists()
    assert run(["resume", str(case)]) == 0
    assert (case / "report.html").is_file()


def test_an_unexpected_error_is_one_line_and_asks_for_a_report(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("boom\nboom")

    monkeypatch.delenv("VIDEOENGINE_DEBUG", raising=False)
    monkeypatch.setattr(verify_module, "verify", fail)
    line = refused(["verify", case], 1, capsys)
    assert "Internal error: RuntimeError: boom boom" in line
    assert "VIDEOENGINE_DEBUG=1" in line
    monkeypatch.setenv("VIDEOENGINE_DEBUG", "1")
    assert run(["verify", str(case)]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_credentials_never_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["analyze", "rtsp://me:secret@cam/1", "--out", "y", "--json"], 2, capsys)
    assert "secret" not in line


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        show_json({"a": object()})


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes a second or so to analyze."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return write_stamped(path, [512 * index for index in range(4000)])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_130_and_the_case_can_be_resumed(
    number: signal.Signals, long: Path, tmp_path: Path
) -> None:
    case = tmp_path / "case"
    process = launch("analyze", long, "--out", case, "--preset", "basic")
    while not (case / "events.jsonl").exists() or not (case / "events.jsonl").stat().st_size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "videoengine resume" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert run(["resume", str(case)]) == 0
    assert run(["verify", str(case)]) == 0


@pytest.mark.slow
def test_a_broken_pipe_is_quiet(case: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "verify", str(case)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 6
