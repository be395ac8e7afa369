"""Arguments and options that several verbs of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CaseDir = Annotated[Path, typer.Argument(metavar="CASE", help="A case directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]
Moved = Annotated[
    str | None, typer.Option("--source", metavar="PATH", help="Where the source is, if it moved.")
]
