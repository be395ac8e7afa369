"""Prompts: what is said of each term of a vocabulary, one TOML file each; users bring their own.

A file holds either `[prompts]`, sentences by term, or `[observations]`, pairs of what is there and
what is not (Xplainer's descriptors, Pellegrini et al., MICCAI 2023).
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.canonical import as_items, as_object
from videoengine.errors import UsageError, nearest
from videoengine.vocabularies import Vocabulary, vocabulary

FOLDER: Final = Path(__file__).parent / "prompts"
PROMPT_TEMPERATURE: Final = 0.01
"""Cosines are divided by it: CLIP's and SurgVLP's factor of 100."""
PAIR_TEMPERATURE: Final = 0.5
"""The same of the two sides of an observation, as Xplainer published it."""
LONGEST: Final = 1000
"""Characters of a prompt; every text encoder here reads less."""
_KEYS: Final = ("vocabulary", "source", "temperature", "nothing", "prompts", "observations")


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that can be seen where a term holds, said both ways."""

    present: str
    absent: str


@dataclass(frozen=True, slots=True)
class PromptSet:
    """What is said of every term of a vocabulary, in its order: prompts or observations."""

    name: str
    vocabulary: Vocabulary
    source: str
    temperature: float
    prompts: tuple[tuple[str, ...], ...] = ()
    observations: tuple[tuple[Observation, ...], ...] = ()
    nothing: tuple[str, ...] = ()
    """What is said of a picture where no term holds; without it one always does."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms, in the vocabulary's order."""
        return tuple(label.name for label in self.vocabulary.labels)


def bundled() -> tuple[str, ...]:
    """Return the names of the prompt files that ship with videoengine."""
    return tuple(path.stem for path in sorted(FOLDER.glob("*.toml")))


def read_prompts(named: str | Path) -> PromptSet:
    """Read a prompt file: a bundled one by its name, or any by its path.

    Raises:
        UsageError: There is none, or it does not say something of every term of its vocabulary.
    """
    text = str(named)
    known = bundled()
    path = FOLDER / f"{text}.toml" if text in known else Path(named)
    try:
        row: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"The prompt file {text} cannot be read",
            got=error.strerror or error,
            allowed=f"the path of a .toml file, or {', '.join(known)}",
            remedy=nearest(text, known),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The prompt file {path} is no TOML", got=error) from error
    return _checked(row, path)


def _checked(row: dict[str, Any], path: Path) -> PromptSet:
    where = f"The prompt file {path}"
    strange = [key for key in row if key not in _KEYS]
    if strange:
        raise UsageError(
            f"{where} has a key that is not known",
            got=strange[0],
            allowed=", ".join(_KEYS),
            remedy=nearest(strange[0], _KEYS),
        )
    terms = vocabulary(_text(row.get("vocabulary"), f"{where}: vocabulary"))
    if ("prompts" in row) == ("observations" in row):
        both = "both" if "prompts" in row else "neither"
        raise UsageError(f"{where} needs [prompts] or [observations]", got=both, allowed="one")
    kind = "prompts" if "prompts" in row else "observations"
    if kind == "observations" and "nothing" in row:
        raise UsageError(f"{where}: nothing goes with [prompts]", got="[observations]")
    usual = PROMPT_TEMPERATURE if kind == "prompts" else PAIR_TEMPERATURE
    temperature = row.get("temperature", usual)
    number = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
    if not number or not math.isfinite(temperature) or temperature <= 0:
        raise UsageError(f"{where}: temperature", got=repr(temperature), allowed="more than 0")
    listed = _by_term(row[kind], terms, f"{where}: {kind}")
    nothing = row.get("nothing")
    return PromptSet(
        path.stem,
        terms,
        _text(row.get("source"), f"{where}: source"),
        float(temperature),
        prompts=tuple(
            tuple(_text(one, f"{where}: {name}") for one in said) for name, said in listed
        )
        if kind == "prompts"
        else (),
        observations=tuple(
            tuple(_observation(one, f"{where}: {name}") for one in said) for name, said in listed
        )
        if kind == "observations"
        else (),
        nothing=()
        if nothing is None
        else tuple(
            _text(one, f"{where}: nothing") for one in _several(nothing, f"{where}: nothing")
        ),
    )


def _by_term(table: object, terms: Vocabulary, where: str) -> list[tuple[str, list[object]]]:
    rows = as_object(table)
    names = [label.name for label in terms.labels]
    if rows is None:
        raise UsageError(where, got=type(table).__name__, allowed="a table by term")
    for name in rows:
        if name not in names:
            raise UsageError(
                f"{where} speak of a term that {terms.name} lacks",
                got=repr(name),
                allowed=", ".join(names),
                remedy=nearest(str(name), names),
            )
    lacking = [name for name in names if name not in rows]
    if lacking:
        raise UsageError(
            f"{where} lack terms of {terms.name}", got=f"nothing of {', '.join(lacking)}"
        )
    return [(name, _several(rows[name], f"{where}: {name}")) for name in names]


def _several(value: object, where: str) -> list[object]:
    items = as_items(value)
    if not items:
        raise UsageError(where, got=repr(value), allowed="a list with at least one entry")
    return items


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise UsageError(where, got=repr(value)[:80], allowed=f"a text of 1 to {LONGEST} letters")
    return value.strip()


def _observation(value: object, where: str) -> Observation:
    row = as_object(value)
    if row is None or row.keys() != {"present", "absent"}:
        raise UsageError(
            where,
            got=repr(value)[:80],
            allowed='{ present = "There is …", absent = "There is no …" }',
        )
    return Observation(_text(row["present"], where), _text(row["absent"], where))
