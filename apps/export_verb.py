"""`videoengine export CASE --to FORMAT --out FILE`: the options of the verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from videoengine.apps.console import interruptible, progress, show, show_json
from videoengine.apps.options import CaseDir, Json, Moved


def export(
    case: CaseDir,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="What to write.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where; must not exist.")],
    source: Moved = None,
    every: Annotated[
        str | None, typer.Option(metavar="1s", help="Of frames: one per this much time.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Of a note: en, de, es or a file.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="ISO", help="Of fhir, which needs one: its date.")
    ] = None,
    json: Json = False,
) -> int:
    """Write a case, its timeline, video or note, for others; every picture passes the Gate."""
    from videoengine.apps.export import export as write
    from videoengine.media_time import parse_duration

    every_ns = None if every is None else parse_duration(every)
    with interruptible(f"{out} was not made."), progress("pictures") as tell:
        exported = write(
            case,
            to,
            out,
            source=source,
            every_ns=every_ns,
            template=template,
            date=date,
            progress=tell,
        )
    if json:
        show_json(exported)
    else:
        show(f"{exported.out}: {exported.count} {exported.unit}")
    return 0
