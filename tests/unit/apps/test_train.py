"""`videoengine train head` and `train score`, over a small dataset laid out as published."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from support import published_trees as trees

from videoengine.apps import train as runner
from videoengine.apps.cli import run
from videoengine.cards import ModelCard
from videoengine.models.backbones.backbone import NetworkBackbone
from videoengine.models.backbones.networks.vision_transformer import VisionShape, VisionTransformer
from videoengine.models.backbones.preprocessing import Preprocessing

pytestmark = pytest.mark.torch


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Two annotated frames: dissection with a grasper and another tool, clipping with none."""
    return f"dataset://cholect50{trees.cholect50(tmp_path / 'set')}?video=VID01"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small network with random weights under the name `tiny`; others load as ever."""
    monkeypatch.setenv("VIDEOENGINE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = VisionTransformer(VisionShape(dim=12, depth=1, heads=2, patch=16, grid=2))
    card = ModelCard("tiny", "test", 1, weights_sha256="ab")
    load = runner.load_backbone

    def loaded(name: str, weights: Path | None = None) -> NetworkBackbone:
        if name != "tiny":
            return load(name, weights)
        return NetworkBackbone(card, Preprocessing((32, 32)), network)

    monkeypatch.setattr(runner, "load_backbone", loaded)


def head(source: str, out: Path, *more: str) -> int:
    return run(["train", "head", source, "--backbone", "tiny", "--out", str(out), *more])


def test_a_phase_head_learns_and_is_scored(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "head.safetensors"
    assert head(source, out, "--shots", "1", "--json") == 0
    trained = json.loads(capsys.readouterr().out)
    assert (trained["learned_from"], trained["labelled"]) == (2, 2)
    assert trained["card"]["vocabulary"] == "cholec80/phase@1"
    assert trained["card"]["ships"] is False
    assert run(["train", "score", str(out), source, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["accuracy"]["value"] == 1.0
    assert scored["videos"][0]["learned_from"] == 2
    assert run(["train", "score", str(out), source]) == 0
    assert "taught the head" in capsys.readouterr().out


def test_the_same_seed_writes_the_same_bytes(source: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for out in files:
        assert head(source, out, "--task", "instrument", "--seed", "5") == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_instrument_head_gives_an_ap_a_class(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "head.safetensors"
    assert head(source, out, "--task", "instrument") == 0
    capsys.readouterr()
    assert run(["train", "score", str(out), source, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["accuracy"] is None
    assert scored["ap"]["grasper"] == 1.0
    assert scored["ap"]["scissors"] is None


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        (("--method", "lineer"), 2, "Did you mean 'linear'"),
        (("--task", "phases"), 2, "Did you mean 'phase'"),
        (("--shots", "0"), 2, "all"),
        (("--rate", "0"), 2, "rate"),
        (("--method", "surg_ftda"), 2, "text side"),
        (("--backbone", "tiny="), 2, "NAME=PATH"),
        (("--backbone", "peskavlp"), 4, "videoengine models pull peskavlp"),
        (("--backbone", "nothing"), 2, "No such model"),
    ],
)
def test_a_bad_call_is_one_line(
    source: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: Any,
    code: int,
    word: str,
) -> None:
    out = tmp_path / "head.safetensors"
    assert head(source, out, *more) == code
    captured = capsys.readouterr()
    assert word in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()


def test_a_head_is_not_overwritten(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "head.safetensors"
    out.write_bytes(b"mine")
    assert head(source, out) == 6
    assert "exists" in capsys.readouterr().err
    assert head(source, tmp_path / "head.pt") == 2


def test_a_source_without_labels_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = trees.cholect50(tmp_path / "set")
    out = tmp_path / "head.safetensors"
    assert head(f"dataset://cholect50{root}?video=VID02", out) == 2
    assert "no phase" in capsys.readouterr().err
