"""The preset that is written beside a head, so that it runs with one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from videoengine import durable
from videoengine.models.workflow.few_shot_head import HeadCard
from videoengine.models.workflow.few_shot_networks import Method

SUFFIX: Final = ".toml"
RATES: Final = {"quality.learned": 5.0, "privacy.learned": 5.0}
"""Stages that every run should have, and their rates."""
TAUGHT: Final[dict[Method, str]] = {
    "linear": "a line on single pictures",
    "surg_ftda": "Surg-FTDA",
    "biomedcoop": "BiomedCoOp",
    "temporal": "a temporal head",
}


def preset_of(out: Path) -> Path:
    """Return where the preset of a head lies."""
    return out.with_suffix(SUFFIX)


def write_preset(out: Path, card: HeadCard, weights: Path | None) -> Path:
    """Write the preset that runs a head over its backbone, and return its path.

    Args:
        out: The head.
        card: Its card.
        weights: Of the backbone, where the user named a file.

    Raises:
        OutputError: It cannot be written.
    """
    backbone: dict[str, Any] = {"name": "backbone", "backbone": card.backbone}
    if weights is not None:
        backbone["weights"] = str(weights.absolute())
    tables: list[dict[str, Any]] = [
        *({"name": name, "rate_hz": rate} for name, rate in RATES.items()),
        {**backbone, "rate_hz": 1.0},
        {"name": "head", "head": f"./{out.name}"},
    ]
    said = f"{card.task} ({card.vocabulary}) by {TAUGHT[card.method]} over {card.backbone}."
    lines = [f"description = {_text(said)}"]
    for table in tables:
        lines += ["", "[[stages]]", *(f"{key} = {_text(one)}" for key, one in table.items())]
    path = preset_of(out)
    durable.replace(path, ("\n".join(lines) + "\n").encode())
    return path


def command_of(preset: Path, card: HeadCard) -> str:
    """Return the command that runs a head."""
    named = f" --procedure {card.procedures[0]}" if card.procedures else ""
    return f"videoengine analyze SOURCE --out CASE --preset {preset}{named}"


def _text(value: Any) -> str:
    """Return a TOML value; a JSON string is one as well."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
