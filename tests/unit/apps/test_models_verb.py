"""`videoengine models`: what is known, what is here, and exit code 4 for what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from videoengine.apps.cli import run


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and a hub that nobody answers for."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VIDEOENGINE_MODELS", str(folder))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return folder


def test_list_shows_models_with_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    text = capsys.readouterr().out
    assert "surgvlp" in text
    assert "timm:NAME" in text
    assert run(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["dinov3-vitb16"]["gated"]
    assert rows["endo-fm"]["frames"] == 8
    assert rows["peskavlp"]["text"]


def test_info_shows_card_preprocessing_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", "dinov2-base", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["card"]["preprocessing"]["interpolation"] == "bicubic"
    assert row["files"][0]["address"].endswith(
        "/facebook/dinov2-base/resolve/main/model.safetensors"
    )
    assert row["here"] == {}
    assert run(["models", "info", "dinov2-base"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_an_unknown_model_is_a_bad_call(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("info", "check", "pull"):
        assert run(["models", verb, "surgvlp2"]) == 2
        assert "Did you mean 'surgvlp'?" in capsys.readouterr().err


def test_what_cannot_be_reached_ends_with_4(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "pull", "dinov2-base"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "cannot be reached" in captured.err
    assert list(store.iterdir()) == []


def test_what_has_no_link_names_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "pull", "endo-fm"]) == 4
    assert "https://github.com/med-air/Endo-FM" in capsys.readouterr().err


@pytest.mark.torch
def test_a_file_brought_by_hand_is_kept_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    from videoengine.models.backbones import find
    from videoengine.models.backbones.loading import untrained_for_tests

    assert run(["models", "check", "resnet18"]) == 4
    assert "videoengine models pull resnet18" in capsys.readouterr().err
    network = untrained_for_tests(find("resnet18"), seed=1).network
    path = tmp_path / "mine.pth"
    torch.save(network.state_dict(), path)
    assert run(["models", "check", "resnet18", "--weights", str(path), "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert not given["pinned"]
    assert run(["models", "pull", "resnet18", "--from", str(path), "--json"]) == 0
    capsys.readouterr()
    assert run(["models", "check", "resnet18", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert kept["dimensions"] == 512
    assert kept["grid"] == [7, 7]
    assert kept["pinned"]
    assert kept["model_hash"] == given["model_hash"]
    assert run(["models", "list"]) == 0
    assert "resnet18                     here" in capsys.readouterr().out


def test_a_damaged_file_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "cut.safetensors"
    path.write_bytes(b"\x00" * 30)
    assert run(["models", "check", "resnet18", "--weights", str(path)]) == 4
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "cut.safetensors" in captured.err


def test_the_list_needs_no_torch() -> None:
    code = (
        "import sys; from videoengine.apps.cli import run; code = run(['models', 'list']); "
        "sys.exit(code or sys.modules.get('torch') is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
