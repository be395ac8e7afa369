"""The verbs `report` and `note` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from videoengine.apps.console import show, show_json
from videoengine.apps.options import CaseDir, Json
from videoengine.errors import UsageError

By = Annotated[str | None, typer.Option(metavar="NAME", help="Who says so.")]
TEMPLATE_HELP: Final = "en, de, es or a .toml file."


def report(
    case: CaseDir,
    said: Annotated[
        list[str] | None,
        typer.Argument(metavar="FIELD=VALUE…", help="FIELD= takes back what you said about it."),
    ] = None,
    by: By = None,
    correct: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Of this event: label=TERM instead, or nothing at all."),
    ] = None,
    through: Annotated[
        str | None, typer.Option(metavar="KEY", help="With --correct: and all up to this one.")
    ] = None,
    template: Annotated[
        str, typer.Option(metavar="FILE", help=f"Whose fields: {TEMPLATE_HELP}")
    ] = "en",
    json: Json = False,
) -> int:
    """Report what people know and video does not; correct what a model stated."""
    if correct is not None:
        return _correct(case, correct, said or [], by, through, json=json)
    if through is not None:
        raise UsageError("--through goes with --correct", got="--through", allowed="both")
    from videoengine.apps.people import report as append

    done = append(case, said or [], by=by, template=template)
    if json:
        show_json(done)
        return 0
    if done.reported:
        show(f"reported   {', '.join(done.reported)}")
    if done.withdrawn:
        show(f"taken back {', '.join(done.withdrawn)}")
    show(f"note       videoengine note {case}")
    return 0


def _correct(
    case: Path, event: str, said: list[str], by: str | None, through: str | None, *, json: bool
) -> int:
    from videoengine.apps.corrections import correct as append

    done = append(case, event, said, by=by, through=through)
    if json:
        show_json(done)
        return 0
    show(f"corrected  {done.was or done.about[:12]}: {done.becomes or 'withdrawn'}")
    return 0


def note(
    case: CaseDir,
    template: Annotated[str | None, typer.Option(metavar="FILE", help=TEMPLATE_HELP)] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An .md or .html file; default: in CASE.")
    ] = None,
    edit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The note's Markdown as you changed it.")
    ] = None,
    sign: Annotated[bool, typer.Option("--sign", help="Sign what note.md says.")] = False,
    by: By = None,
    json: Json = False,
) -> int:
    """Draft the operation note of a case; bring in an edit; sign it."""
    from videoengine.apps.note import write_note

    done = write_note(case, template=template, out=out, edit=edit, sign=sign, by=by)
    if json:
        show_json(done)
        return 0
    if edit is not None:
        show(f"changed    {', '.join(done.changed) or 'nothing'}")
    missing = [
        field.name
        for section in done.note.sections
        for field in section.fields
        if field.required and not field.statements
    ]
    show(f"note       {done.out}")
    show(f"state      {done.note.state}, content {done.note.sha256[:12]}")
    if done.note.state == "outdated":
        show("           the log has changed since it was signed")
    if missing:
        show(f"open       {', '.join(missing)}")
        show(f"           videoengine report {case} FIELD=VALUE --by NAME")
    return 0
