"""Optional packages, asked for where they are used, with the command that brings them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any, Final

from videoengine.errors import ModelError

TORCHVISION_REMEDY: Final = (
    "torchvision's wheel needs the CUDA build of torch; on a CPU-only torch use one of the "
    "backbones that need neither: videoengine models list."
)


def available(module: str) -> bool:
    """Tell whether a module can be found, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def require(module: str, extra: str, what: str) -> Any:
    """Import an optional module.

    Args:
        module: Its import name.
        extra: The extra of videoengine that brings it.
        what: What needs it, as the subject of a sentence.

    Raises:
        ModelError: It is not installed, or does not import beside this torch.
    """
    install = f"pip install 'videoengine[{extra}]'"
    if not available(module.split(".", maxsplit=1)[0]):
        raise ModelError(f"{what} needs {module}", got="it is not installed", remedy=install)
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        remedy = TORCHVISION_REMEDY if "torchvision" in str(error) else f"Reinstall it: {install}"
        raise ModelError(f"{module} does not import", got=error, remedy=remedy) from error
