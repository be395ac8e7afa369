"""The verb `import` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from videoengine.apps.console import show, show_json
from videoengine.apps.options import CaseDir, Json


def import_annotations(
    case: CaseDir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What was annotated.")],
    file_format: Annotated[str, typer.Option("--from", metavar="FORMAT", help="What it is.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who annotated it.")],
    json: Json = False,
) -> int:
    """Bring a person's annotations into a case; what models stated stays beside them."""
    from videoengine.apps.importing import import_annotations as bring

    imported = bring(case, file, file_format, by=by)
    if json:
        show_json(imported)
        return 0
    if not imported.stages:
        show(f"{imported.case} holds this file already: nothing was added")
    for stage, points in imported.stages.items():
        show(f"{stage:20} {points} points")
    for what, count in imported.passed_over.items():
        show(f"passed over          {count} {what}")
    return 0
