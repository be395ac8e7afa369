"""Backbones of mmaction2, whose last release forgot one of its own folders."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import nn

from videoengine.models.backbones.extras import require
from videoengine.models.backbones.networks.other_packages import HeadlessNetwork

WHO: Final = "An mmaction2 backbone"
FORGOTTEN: Final = "mmaction.models.localizers.drn"
"""Imported by the package, absent from the wheel of 1.2.0; holds a localizer, no backbone."""


def backbone(kind: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Make a backbone by its class.

    Args:
        kind: Name in `mmaction.models`.
        arguments: Of its published configuration.

    Raises:
        ModelError: The package is not here, or does not import.
    """
    package = require("mmaction", "legacy", WHO)
    folder = Path(str(package.__file__)).parent / "models" / "localizers" / "drn"
    if not folder.is_dir():
        _stand_in()
    models = require("mmaction.models", "legacy", WHO)
    made: nn.Module = getattr(models, kind)(**arguments)
    return HeadlessNetwork(made)


def _stand_in() -> None:
    """Put an empty localizer where the package looks for its own."""
    for name in (FORGOTTEN, f"{FORGOTTEN}.drn"):
        module: Any = ModuleType(name)
        module.DRN = type("DRN", (nn.Module,), {})
        sys.modules.setdefault(name, module)
