"""The verb `simulate` of the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoengine.apps.console import interruptible, progress, show, show_json
from videoengine.errors import UsageError
from videoengine.media_time import clock

if TYPE_CHECKING:
    from videoengine.apps.simulate import Order, Simulated


def simulate(
    procedure: Annotated[
        str, typer.Argument(metavar="NAME", help="cholecystectomy, colonoscopy, or a .toml file.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")],
    seed: Annotated[str | None, typer.Option(metavar="N", help="Chooses everything.")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="A:B", help="One DIR/SEED each, from A to B - 1.")
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="0s", help="Where the piece begins.")] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="60s", help="Its length; by default all of the rest.")
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Even, 64 to 4096.")] = "640x512",
    fps: Annotated[str, typer.Option(metavar="N", help="Frames a second, 1 to 120.")] = "25",
    view: Annotated[
        str,
        typer.Option(
            metavar="mono|left|right|stereo", help="Stereo: 2 videos, labels of the left."
        ),
    ] = "mono",
    formats: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these label formats.")
    ] = None,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="No video, and no label that needs a pixel.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")
    ] = False,
) -> int:
    """Make the video and the labels of a procedure from a seed."""
    from videoengine.apps import simulate as runner
    from videoengine.recon3d.simulator.take import parse_seed

    if (seed is None) == (seeds is None):
        raise UsageError(
            "A simulation needs a seed",
            got="neither" if seed is None else "--seed and --seeds",
            allowed="--seed N or --seeds A:B",
        )
    options = {"start": start, "duration": duration, "size": size, "fps": fps, "view": view}
    chosen: Sequence[int]
    order = runner.make_order(procedure, options, formats=formats, labels_only=labels_only)
    if seeds is None:
        chosen, left = [parse_seed(seed or "")], f"{out} was not made."
    else:
        chosen = runner.parse_seeds(seeds)
        left = f"Finished ones lie in {out}; go on with --seeds from the first that is missing."
    if not json:
        _show_order(order, seeds or str(seed))
    with interruptible(left), progress("procedures" if labels_only else "frames") as tell:
        if seeds is None:
            done = [runner.simulate(order, chosen[0], out, progress=tell)]
        else:
            done = list(runner.simulate_many(order, chosen, out, progress=tell))
    if json:
        rows = [dataclasses.asdict(made) for made in done]
        show_json(rows[0] if seeds is None else rows)
    else:
        _show_made(done, out)
    return 0


def _show_order(order: Order, seeds: str) -> None:
    for key, value in {"seed": seeds, **order.to_json()}.items():
        joint = "x" if key == "size" else ", "
        shown = joint.join(map(str, value)) if isinstance(value, list) else value
        show(f"{key:12} {'-' if shown in (None, '') else shown}")


def _show_made(done: Sequence[Simulated], out: Path) -> None:
    frames, seconds = sum(made.frames for made in done), sum(made.seconds for made in done)
    length = clock(sum(made.media_ns for made in done), milliseconds=True)
    what = f"{len(done)} procedures, " if len(done) > 1 else ""
    pace = f" ({frames / seconds:.1f} frames/s)" if frames else ""
    show(f"made         {what}{length}, {frames} frames in {seconds:.1f} s{pace}")
    show(f"folder       {out}")
