"""Plug-ins by entry points. A name that two distributions claim is an error, never a shadow."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from videoengine.errors import ModelError, UsageError, nearest

STAGES: Final = "videoengine.stages"
"""Entry-point group of stage factories: `factory(context, **options) -> Stage`."""
SOURCES: Final = "videoengine.sources"
"""Entry-point group of sources by URI scheme: `factory(uri, stream_id=…) -> Source`."""


def registered(group: str, points: Iterable[EntryPoint] | None = None) -> dict[str, EntryPoint]:
    """Return the plug-ins of a group by name.

    Raises:
        UsageError: Two distributions register one name for different objects.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group) if points is None else points:
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise UsageError(
                f"Two plug-ins of {group!r} are called {point.name!r}",
                got=f"{_origin(other)} and {_origin(point)}",
                allowed="one plug-in a name",
                remedy="Uninstall one of them.",
            )
    return found


def _origin(point: EntryPoint) -> str:
    name = point.dist.name if point.dist is not None else "unknown"
    return f"{point.value} of {name}"


def load(group: str, name: str) -> Any:
    """Import and return the plug-in `name` of a group."""
    found = registered(group)
    if name not in found:
        raise UsageError(
            f"No plug-in of {group!r} has this name",
            got=repr(name),
            allowed=", ".join(sorted(found)) or "none is installed",
            remedy=nearest(name, found),
        )
    try:
        return found[name].load()
    except ImportError as error:
        raise ModelError(
            f"The plug-in {name!r} cannot be imported",
            got=error,
            remedy=f"Reinstall {_origin(found[name])}.",
        ) from error
