"""A head that somebody taught runs over its backbone in a case, and over no other."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from safetensors import safe_open
from safetensors.torch import save_file

from videoengine.apps.analyze import analyze
from videoengine.apps.cli import run
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import ModelError
from videoengine.events import Event

pytestmark = [pytest.mark.torch, pytest.mark.slow]
TAUGHT_ON = "sim://cholecystectomy?seed=31&start=60s&duration=12s&size=128x96&fps=1"
SHORT = "sim://cholecystectomy?seed=32&start=60s&duration=6s&size=128x96&fps=1"
LONG = SHORT.replace("duration=6s", "duration=10s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("heads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path / "cache"))
        for method, task, more in (
            ("temporal", "phase", ["--steps", "4"]),
            ("linear", "instrument", []),
        ):
            out = ["--method", method, "--task", task, "--out", str(path / f"{task}.safetensors")]
            head = ["train", "head", TAUGHT_ON, "--backbone", "embedded"]
            assert run([*head, *out, *more, "--procedure", "cholecystectomy"]) == 0
    return path


def stated(folder: Path, task: str, source: str, name: str) -> list[Event]:
    preset = str(folder / f"{task}.toml")
    analyze(source, folder / name, preset=preset, procedure="cholecystectomy")
    verify(folder / name)
    return [event for event in Case.open(folder / name).events() if event.stage.startswith(task)]


def test_a_temporal_head_speaks_once_a_second_and_again_in_hindsight(folder: Path) -> None:
    events = stated(folder, "phase", SHORT, "short")
    assert [event.stage for event in events].count("phase_head") == 6
    assert [event.stage for event in events].count("phase_head.smoothed") == 6
    assert all(e.payload["label"]["vocabulary"] == "cholec80/phase@1" for e in events)
    assert all(e.confidence is None for e in events)  # nothing calibrated it


def test_what_comes_later_changes_nothing_that_a_temporal_head_said(folder: Path) -> None:
    one, other = (
        [
            event.payload
            for event in stated(folder, "phase", source, name)
            if event.stage == "phase_head"
        ]
        for source, name in ((SHORT, "prefix"), (LONG, "whole"))
    )
    assert len(other) == 10
    assert one == other[:6]


def test_a_head_of_single_pictures_states_instruments(folder: Path) -> None:
    events = stated(folder, "instrument", SHORT, "instruments")
    assert {event.start_ns for event in events} == {second * 10**9 for second in range(6)}
    assert {event.kind for event in events} == {"instrument"}


def test_a_head_taught_on_other_features_is_refused(folder: Path, tmp_path: Path) -> None:
    head = folder / "phase.safetensors"
    with safe_open(head, "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    ((key, text),) = about.items()
    start = text.index('"model_hash"') + len('"model_hash": "')
    strange = text[:start] + "0" * 64 + text[start + 64 :]
    save_file(tensors, tmp_path / head.name, {key: strange})
    (tmp_path / "phase.toml").write_text((folder / "phase.toml").read_text())
    with pytest.raises(ModelError, match="taught"):
        analyze(SHORT, tmp_path / "case", preset=str(tmp_path / "phase.toml"))
    assert not (tmp_path / "case").exists()
