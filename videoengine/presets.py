"""Presets: which stages run, at what rates and with what options, in TOML."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from videoengine.canonical import as_items, as_object
from videoengine.cards import MODALITIES
from videoengine.errors import UsageError, nearest
from videoengine.plugins import STAGES, load
from videoengine.stages import Stage, StageContext

FOLDER: Final = Path(__file__).parent / "presets"
KEYS: Final = ("description", "modality", "stages")
DEFAULT: Final = "basic"
"""Until weights are bundled."""


@dataclass(frozen=True, slots=True)
class StageChoice:
    """One `[[stages]]` table: the plug-in's name and its options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice of stages."""

    name: str
    description: str
    stages: tuple[StageChoice, ...]
    modality: str | None = None
    """Modality it is made for, when the caller names none."""

    def only(self, names: Sequence[str]) -> Preset:
        """Return the preset with just these stages; those it does not list get defaults."""
        known = {choice.name: choice for choice in self.stages}
        chosen = tuple(known.get(name, StageChoice(name)) for name in names)
        return Preset(self.name, self.description, chosen, self.modality)


def preset_names() -> list[str]:
    """Return the names of the presets that ship with videoengine."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by name, or from the path of a TOML file.

    Raises:
        UsageError: Unknown preset or key (with the nearest name), or not TOML.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise UsageError(
            "No such preset",
            got=repr(name),
            allowed=", ".join(preset_names()) + ", or the path of a .toml file",
            remedy=nearest(name, preset_names()),
        )
    try:
        row = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The preset {path} is not TOML", got=error) from error
    return parse_preset(path.stem, row)


def parse_preset(name: str, row: Mapping[str, Any]) -> Preset:
    """Check a preset's table and return it."""
    for key in row:
        if key not in KEYS:
            raise _unknown_key(f"preset {name!r}", key, KEYS)
    modality = row.get("modality")
    if modality is not None:
        check_modality(modality)
    tables = as_items(row.get("stages"))
    if not tables:
        raise UsageError(f"The preset {name!r} lists no stages", allowed="[[stages]] tables")
    choices: list[StageChoice] = []
    for item in tables:
        table = as_object(item)
        if table is None or not isinstance(table.get("name"), str):
            raise UsageError(f"A stage of preset {name!r} has no name", allowed='name = "…"')
        options = {key: value for key, value in table.items() if key != "name"}
        choices.append(StageChoice(table["name"], options))
    return Preset(name, str(row.get("description", "")), tuple(choices), modality)


def check_modality(name: str) -> str:
    """Return `name` if it is a modality, or raise with the nearest one."""
    if name not in MODALITIES:
        raise UsageError(
            "No such modality",
            got=repr(name),
            allowed=", ".join(MODALITIES),
            remedy=nearest(name, MODALITIES),
        )
    return name


def make_stages(preset: Preset, context: StageContext) -> list[Stage]:
    """Make the stages of a preset.

    Raises:
        UsageError: A stage is unknown or does not have an option (with the nearest name).
    """
    stages: list[Stage] = []
    for choice in preset.stages:
        factory = load(STAGES, choice.name)
        known = [
            parameter.name
            for parameter in inspect.signature(factory).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        for option in choice.options:
            if option not in known:
                raise _unknown_key(f"stage {choice.name!r}", option, known)
        stages.append(factory(context, **choice.options))
    return stages


def _unknown_key(where: str, key: str, known: Sequence[str]) -> UsageError:
    return UsageError(
        f"Unknown key in {where}",
        got=repr(key),
        allowed=", ".join(known) or "no options",
        remedy=nearest(key, known),
    )
