"""Presets: which stages run, at what rates and with what options, in TOML."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from videoengine.canonical import as_items, as_object
from videoengine.cards import MODALITIES
from videoengine.errors import UsageError, nearest
from videoengine.plugins import STAGES, load
from videoengine.stages import Stage, StageContext, StageSpec

FOLDER: Final = Path(__file__).parent / "presets"
KEYS: Final = ("description", "modality", "stages")
BESIDE: Final = "./"
"""Begins an option of a preset's file that is a path beside it."""
BASIC: Final = "basic"
"""Runs in every installation."""
EMBEDDED: Final = "embedded"
"""Recognisers with bundled weights."""
WEIGHTS: Final = FOLDER.parent / "models" / "workflow" / "weights" / "embedded.safetensors"
"""Bundled weights that the preset `embedded` reads."""
LIBRARIES: Final = ("torch", "safetensors")
"""What the preset `embedded` imports beyond the core."""
MISSING: Final = (
    "The recognisers need torch, which is not installed: the preset is basic. "
    "For all of them: pip install 'videoengine[models]'"
)
"""Said once where weights are bundled but torch is not installed."""


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
        known = {name: [one for one in self.stages if one.name == name] for name in names}
        chosen = tuple(one for name in names for one in known[name] or [StageChoice(name)])
        return Preset(self.name, self.description, chosen, self.modality)


def default_preset() -> str:
    """Return the preset of a run that names none; imports nothing to find out."""
    return EMBEDDED if WEIGHTS.is_file() and not _lacks_libraries() else BASIC


def why_basic() -> str | None:
    """Return a line about what `basic` lacks and how to get it, or None where nothing does."""
    return MISSING if WEIGHTS.is_file() and _lacks_libraries() else None


def _lacks_libraries() -> bool:
    return any(find_spec(name) is None for name in LIBRARIES)


def preset_names() -> list[str]:
    """Return the names of the presets that ship with videoengine."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by name, or from the path of a TOML file.

    An option that begins with `./` is a path beside that file; it becomes absolute, so that a run
    can be resumed from anywhere.

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
    return _placed(parse_preset(path.stem, row), path.absolute().parent)


def _placed(preset: Preset, folder: Path) -> Preset:
    def place(value: Any) -> Any:
        beside = isinstance(value, str) and value.startswith(BESIDE)
        return str(folder / value) if beside else value

    stages = tuple(
        StageChoice(one.name, {key: place(value) for key, value in one.options.items()})
        for one in preset.stages
    )
    return replace(preset, stages=stages)


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


def with_providers(chosen: Preset, preset: Preset, context: StageContext) -> Preset:
    """Return `chosen` with the stages of `preset` that provide what its stages need.

    Stages are made only while something is needed, since making one may read weights.
    """
    specs = [stage.spec for stage in make_stages(chosen, context)]
    names = {choice.name for choice in chosen.stages}
    others = [choice for choice in preset.stages if choice.name not in names]
    added: dict[str, StageChoice] = {}
    given: dict[str, tuple[StageChoice, StageSpec]] | None = None
    while missing := _unmet(specs):
        if given is None:
            rest = replace(chosen, stages=tuple(others))
            made = make_stages(rest, context)
            given = {
                array: (choice, stage.spec)
                for choice, stage in zip(others, made, strict=True)
                for array in stage.spec.provides
            }
        found = [given[need] for need in missing if need in given]
        if not found:
            break  # the engine says what nobody provides
        for choice, spec in found:
            if choice.name not in added:
                added[choice.name] = choice
                specs.append(spec)
    kept = tuple(choice for choice in others if choice.name in added)
    return replace(chosen, stages=(*kept, *chosen.stages))


def _unmet(specs: Sequence[StageSpec]) -> list[str]:
    provided = {array for spec in specs for array in spec.provides}
    return [need for spec in specs for need in spec.needs if need not in provided]


def _unknown_key(where: str, key: str, known: Sequence[str]) -> UsageError:
    return UsageError(
        f"Unknown key in {where}",
        got=repr(key),
        allowed=", ".join(known) or "no options",
        remedy=nearest(key, known),
    )
