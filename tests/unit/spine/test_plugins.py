"""Plug-ins and presets: unknown names have a nearest one, collisions are errors."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from videoengine.errors import UsageError
from videoengine.plugins import STAGES, load, registered
from videoengine.presets import load_preset, make_stages, parse_preset, preset_names
from videoengine.stages import StageContext


def test_two_distributions_that_claim_one_name_are_an_error() -> None:
    points = [EntryPoint("phase", "one:Stage", STAGES), EntryPoint("phase", "two:Stage", STAGES)]
    with pytest.raises(UsageError, match="one:Stage of unknown and two:Stage of unknown"):
        registered(STAGES, points)


def test_the_same_object_found_twice_is_no_collision() -> None:
    points = [EntryPoint("phase", "one:Stage", STAGES)] * 2
    assert list(registered(STAGES, points)) == ["phase"]


def test_an_unknown_stage_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'privacy'"):
        load(STAGES, "privcy")


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'basic'"):
        load_preset("basci")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('stage = 1\n[[stages]]\nname = "quality"', "Did you mean 'stages'"),
        ("description = 1", "lists no stages"),
        ("[[stages]]\nrate_hz = 5", "has no name"),
        ('modality = "laparoscpy"\n[[stages]]\nname = "quality"', "Did you mean 'laparoscopy'"),
        ("stages = [", "not TOML"),
    ],
)
def test_a_wrong_preset_file_says_what_is_wrong(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=match):
        load_preset(str(path))


def test_an_unknown_option_of_a_stage_names_the_nearest() -> None:
    preset = parse_preset("mine", {"stages": [{"name": "quality", "rate": 1.0}]})
    with pytest.raises(UsageError, match="Did you mean 'rate_hz'"):
        make_stages(preset, StageContext())


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_makes_its_stages(name: str) -> None:
    if name == "embedded":
        pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")
    preset = load_preset(name)
    made = make_stages(preset, StageContext("laparoscopy"))
    wanted = [choice.name.removesuffix(".learned") for choice in preset.stages]
    assert [stage.spec.name for stage in made] == wanted
