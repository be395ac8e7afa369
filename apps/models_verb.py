"""The verb `models` of the command line: list, info, check, pull."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from videoengine.apps.console import interruptible, show, show_json
from videoengine.apps.options import Json
from videoengine.errors import UsageError

models: Final = typer.Typer(
    no_args_is_help=True, help="Published models: what is known, what is here, getting it."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `videoengine models list` has it.")]
Hash = Annotated[
    str | None, typer.Option("--sha256", metavar="HEX", help="What the weights must hash to.")
]


@models.command("list")
def list_models(json: Json = False) -> int:
    """Show every model that is known, and whether its weights are here."""
    from videoengine.apps import model_weights

    rows = model_weights.listed()
    if json:
        show_json([dataclasses.asdict(row) for row in rows])
        return 0
    width = max(len(row.name) for row in rows)
    for row in rows:
        what = "pictures" if row.frames == 1 else f"clips of {row.frames}"
        extra = (", texts" if row.text else "") + (", gated" if row.gated else "")
        show(f"{row.name:{width}}  {row.state:10}  {what}{extra}; {row.licence}")
    for prefix, text in model_weights.packages().items():
        show(f"{prefix + ':NAME':{width}}  {text}")
    return 0


@models.command()
def info(name: Name, json: Json = False) -> int:
    """Show a model's card, its preprocessing, and where its weights come from."""
    from videoengine.apps import model_weights

    found = model_weights.described(name)
    if json:
        show_json(found)
        return 0
    card: dict[str, Any] = found.pop("card")
    for key, value in {**card, **found}.items():
        show(f"{key:16} {_words(value)}")
    return 0


@models.command()
def check(
    name: Name,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A weight file; by default what was pulled.")
    ] = None,
    sha256: Hash = None,
    json: Json = False,
) -> int:
    """Load a model whole, show it a picture, and say what its weights hash to."""
    from videoengine.apps import model_weights

    checked = model_weights.check(name, weights, sha256)
    if json:
        show_json(checked)
        return 0
    grid = "x".join(map(str, checked.grid)) if checked.grid else "none"
    show(f"{checked.model} loads whole from {checked.weights}")
    show(f"sha256     {checked.sha256}{'' if checked.pinned else ' (not compared with any)'}")
    show(f"revision   {checked.revision or '-'}")
    show(f"hash       {checked.model_hash}")
    show(f"features   {checked.dimensions}, grid {grid}, {checked.seconds:.2f} s for the first")
    return 0


@models.command()
def pull(
    name: Name,
    revision: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Of the hub, instead of its main branch.")
    ] = None,
    sha256: Hash = None,
    again: Annotated[bool, typer.Option("--again", help="Get it whatever is here.")] = False,
    brought: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file brought by hand.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --from: the text side's vocab.txt.")
    ] = None,
    json: Json = False,
) -> int:
    """Get a model's weights, or keep the file that was brought by hand."""
    from videoengine.apps import model_weights

    if brought is None and vocabulary is not None:
        raise UsageError("--vocabulary goes with --from", got="--vocabulary alone")
    with interruptible("Nothing was kept."):
        if brought is not None:
            pulled = model_weights.keep(name, brought, vocabulary, sha256)
        else:
            tell = None if json else _tell
            pulled = model_weights.pull(
                name, revision=revision, sha256=sha256, again=again, progress=tell
            )
    if json:
        show_json(pulled)
        return 0
    for stored in pulled.files:
        show(f"{stored.name:24} {stored.size / 1e6:9.1f} MB  sha256 {stored.sha256}")
    show(f"{'kept' if pulled.fetched else 'was here'} in {pulled.folder}")
    show(f"try it:    videoengine models check {name}")
    return 0


def _tell(done: int, total: int) -> None:
    """Overwrite one line of a terminal; elsewhere say nothing before the end."""
    if sys.stderr.isatty():
        share = f" of {total / 1e6:.0f}" if total else ""
        print(f"\r{done / 1e6:.0f}{share} MB", end="", file=sys.stderr, flush=True)
        if done == total:
            print(file=sys.stderr)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(item) for item in value) or "-"
    return "-" if value in (None, "") else str(value)
