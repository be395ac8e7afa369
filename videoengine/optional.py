"""Heavy dependencies are extras: imported where needed, with the command that adds them."""

from __future__ import annotations

import importlib
from types import ModuleType

from videoengine.errors import ModelError


def require(module: str, *, extra: str, what: str) -> ModuleType:
    """Import `module`, or raise ModelError with the pip line that adds it.

    Args:
        module: Import name, such as `torch`.
        extra: The extra of videoengine that brings it.
        what: Who needs it, to open the sentence: "The phase stage".
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"{what} needs {module}",
            got=str(error),
            remedy=f"pip install 'videoengine[{extra}]'",
        ) from error
