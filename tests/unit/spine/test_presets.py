"""Which preset runs when none is named, and what a choice of stages takes along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fakes import MeanStage

from videoengine import presets
from videoengine.errors import UsageError
from videoengine.presets import (
    Preset,
    StageChoice,
    default_preset,
    load_preset,
    why_basic,
    with_providers,
)
from videoengine.stages import StageContext


@pytest.mark.parametrize(
    ("weights", "torch", "name", "says"),
    [
        (True, True, "embedded", False),
        (True, False, "basic", True),
        (False, True, "basic", False),
        (False, False, "basic", False),
    ],
)
def test_the_default_needs_the_weights_and_the_libraries(
    weights: bool, torch: bool, name: str, says: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "embedded.safetensors"
    if weights:
        path.touch()
    monkeypatch.setattr(presets, "WEIGHTS", path)
    monkeypatch.setattr(presets, "find_spec", lambda _: object() if torch else None)
    assert default_preset() == name
    line = why_basic()
    assert (line is not None) == says
    assert line is None or "pip install 'videoengine[models]'" in line


def test_embedded_lists_its_stages_at_their_rates() -> None:
    rates = {row.name: row.options["rate_hz"] for row in load_preset("embedded").stages}
    assert rates == {
        "quality.learned": 5.0, "privacy.learned": 5.0, "encoder": 5.0,
        "procedure": 1.0, "instruments": 5.0, "triplet": 1.0, "phase": 1.0,
    }  # fmt: skip


GRAPH: dict[str, dict[str, Any]] = {
    "quality": {},
    "encoder": {"provides": ("features",)},
    "procedure": {"needs": ("features",), "provides": ("procedure",)},
    "phase": {"needs": ("features", "procedure")},
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the stages that were made, in order."""
    names: list[str] = []

    def load(_: str, name: str) -> Any:
        def factory(context: StageContext, *, rate_hz: float = 1.0) -> MeanStage:
            names.append(name)
            return MeanStage(name, rate_hz=rate_hz, **GRAPH[name])

        return factory

    monkeypatch.setattr(presets, "load", load)
    return names


def chosen(*names: str) -> list[str]:
    whole = Preset("p", "", tuple(StageChoice(name, {"rate_hz": 2.0}) for name in GRAPH))
    result = with_providers(whole.only(names), whole, StageContext())
    assert all(choice.options == {"rate_hz": 2.0} for choice in result.stages)
    return [choice.name for choice in result.stages]


def test_a_chosen_stage_takes_its_providers_along(made: list[str]) -> None:
    assert chosen("phase") == ["encoder", "procedure", "phase"]
    assert chosen("phase", "encoder") == ["procedure", "phase", "encoder"]


def test_a_stage_that_needs_nothing_makes_no_other(made: list[str]) -> None:
    assert chosen("quality") == ["quality"]
    assert made == ["quality"]


def test_what_nobody_provides_is_left_to_the_engine(made: list[str]) -> None:
    whole = Preset("p", "", (StageChoice("quality"),))
    result = with_providers(whole.only(["phase"]), whole, StageContext())
    assert [choice.name for choice in result.stages] == ["phase"]


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(UsageError, match="quality"):
        with_providers(load_preset("basic").only(["qality"]), load_preset("basic"), StageContext())
