"""The expert bus: what the engine knows, as tools with declared inputs and one kind of output.

A tool never guesses. It returns a `Finding`, which rests on events, or an `Unknown`, which says
why there is none. Further tools plug in under the entry-point group `videoengine.tools`: each
entry names a `Tool`, or a function without arguments that makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from videoengine.errors import UsageError, nearest
from videoengine.media_time import clock
from videoengine.models.vlm.findings import Outcome, Unknown, Window
from videoengine.models.vlm.ground import unseen
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.subjects import Kind, Subject
from videoengine.plugins import load, registered

TOOLS: Final = "videoengine.tools"
"""Entry-point group of tools."""
Run = Callable[..., Outcome]
"""Called with the index and the inputs by name."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a tool."""

    type: type[Any]
    """`Subject`, `Window`, `int` for a moment in nanoseconds of case time, or `str`."""
    says: str
    """What may be given."""
    choices: tuple[str, ...] = ()
    """Of words: only these."""
    optional: bool = False
    """May be left out, or None."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing that the engine can look up in a case."""

    name: str
    says: str
    """What it finds, in a sentence."""
    inputs: Mapping[str, Input]
    value: str
    """What its value is."""
    run: Run

    def to_json(self) -> dict[str, Any]:
        """Return its declaration, as a language model would be shown it."""
        inputs = {
            name: {
                "type": _named(one.type),
                "says": one.says,
                "choices": list(one.choices),
                "optional": one.optional,
            }
            for name, one in self.inputs.items()
        }
        return {"name": self.name, "says": self.says, "inputs": inputs, "value": self.value}


SUBJECT: Final = Input(Subject, f"a subject of the case: {', '.join(get_args(Kind))}")
WINDOW: Final = Input(Window, "a stretch of case time; left out: the whole case", optional=True)
MOMENT: Final = Input(int, "nanoseconds of case time")


class Bus:
    """The tools that can be called on a case, checked before they run."""

    def __init__(self, index: CaseIndex, tools: Iterable[Tool] | None = None) -> None:
        """Take the index of a case, and tools; None is what is registered."""
        self.index = index
        self.tools = {tool.name: tool for tool in (installed() if tools is None else tools)}

    def call(self, name: str, /, **inputs: Any) -> Outcome:
        """Run a tool.

        Raises:
            UsageError: There is no such tool, or an input is missing, unknown or of another type.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise UsageError(
                "There is no such tool",
                got=repr(name),
                allowed=", ".join(sorted(self.tools)),
                remedy=nearest(name, self.tools),
            )
        given = {key: value for key, value in inputs.items() if value is not None}
        _check(tool, given)
        lost = _beyond(self.index, given) or _outside(self.index, given)
        return lost or tool.run(self.index, **given)


def installed() -> list[Tool]:
    """Return the tools that are registered, in order of their names."""
    found: list[Tool] = []
    for name in sorted(registered(TOOLS)):
        made = load(TOOLS, name)
        tool = made if isinstance(made, Tool) else made()
        if not isinstance(tool, Tool):
            raise UsageError(
                f"The plug-in {name!r} is no tool", got=type(tool).__name__, allowed="a Tool"
            )
        found.append(tool)
    return found


def _check(tool: Tool, given: Mapping[str, Any]) -> None:
    for key in given:
        if key not in tool.inputs:
            raise UsageError(
                f"The tool {tool.name!r} has no such input",
                got=repr(key),
                allowed=", ".join(tool.inputs) or "none",
                remedy=nearest(key, tool.inputs),
            )
    for key, one in tool.inputs.items():
        if key not in given:
            if one.optional:
                continue
            raise UsageError(
                f"The tool {tool.name!r} needs the input {key!r}", got="none", allowed=one.says
            )
        value = given[key]
        fits = isinstance(value, one.type) and not isinstance(value, bool)
        if not fits or (one.choices and value not in one.choices):
            raise UsageError(
                f"The input {key!r} of the tool {tool.name!r} is of another type",
                got=f"{type(value).__name__} {value!r}"[:120],
                allowed=", ".join(one.choices) or f"{_named(one.type)}: {one.says}",
            )


def _beyond(index: CaseIndex, given: Mapping[str, Any]) -> Unknown | None:
    """Return that a time lies outside of the case, if it does."""
    for value in given.values():
        start = value.start_ns if isinstance(value, Window) else value
        if isinstance(start, int) and not 0 <= start <= index.end_ns:
            return Unknown(
                "not_observable",
                f"{clock(start)} lies outside of this case, which ends at {clock(index.end_ns)}.",
            )
    return None


def _outside(index: CaseIndex, given: Mapping[str, Any]) -> Unknown | None:
    """Return that a stretch lies out of the body, where what is at work there is asked for."""
    window = given.get("window")
    if not isinstance(window, Window):
        return None
    kinds = [kind for value in given.values() if isinstance(value, Subject) for kind in value.kinds]
    return unseen(index, [*kinds, str(given.get("kind", ""))], window)


def _named(kind: type[Any]) -> str:
    return kind.__name__
