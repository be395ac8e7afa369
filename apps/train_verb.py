"""The verb `train` of the command line: heads, and what they are worth.

Another command is added here: a function under `@train.command()` that imports its own module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from videoengine.apps.console import interruptible, progress, show, show_json
from videoengine.apps.options import Json

train: Final = typer.Typer(
    no_args_is_help=True, help="Learn from labelled video; the network is never asked for anything."
)
Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE…", help="dataset://…, sim://…: sources with truth.")
]
Rate = Annotated[
    float, typer.Option(metavar="1", help="Labelled frames a second that are read at most.")
]
WHAT: Final = "A head"
"""Of the message when torch is missing."""


@train.command()
def head(
    sources: Sources,
    backbone: Annotated[
        str, typer.Option(metavar="NAME[=PATH]", help="As `videoengine models list` has it.")
    ],
    out: Annotated[Path, typer.Option(metavar="HEAD.safetensors", help="File to make.")],
    method: Annotated[str, typer.Option(metavar="linear|surg_ftda|biomedcoop|temporal")] = "linear",
    task: Annotated[str, typer.Option(metavar="phase|step|instrument")] = "phase",
    shots: Annotated[
        str, typer.Option(metavar="1|4|16|all", help="Labelled frames a class.")
    ] = "all",
    seed: Annotated[int, typer.Option(metavar="N", help="Of the choice and the training.")] = 0,
    prompts: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Of methods that read texts.")
    ] = None,
    rate: Rate = 1.0,
    procedure: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of sources that do not state theirs.")
    ] = None,
    steps: Annotated[int, typer.Option(metavar="600", help="Of training a temporal head.")] = 600,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="Fit a temporal head's probabilities on it too."),
    ] = None,
    json: Json = False,
) -> int:
    """Teach a head on frozen features, and write a preset that runs it beside it."""
    from videoengine.models.backbones import require

    require("torch", "models", WHAT)
    from videoengine.apps import train as runner
    from videoengine.apps.teaching import Lesson

    with interruptible("No head was written."), progress("frames") as tell:
        lesson = Lesson(
            backbone=backbone,
            method=method,
            task=task,
            shots=shots,
            seed=seed,
            prompts=prompts,
            rate_hz=rate,
            procedure=procedure,
            steps=steps,
            calibrate=tuple(calibrate or ()),
        )
        trained = runner.train(sources, out, lesson, tell=tell)
    if json:
        show_json(runner.to_json(trained))
    else:
        show(runner.as_text(trained))
    return 0


@train.command()
def bundled(
    folder: Annotated[
        Path, typer.Option("--work", metavar="DIR", help="Samples and checkpoints; reused.")
    ] = Path("build/bundled"),
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of the weights; by default the package's.")
    ] = None,
    budget: Annotated[
        float, typer.Option(metavar="1", help="How much of everything: 1 fits 2 cores.")
    ] = 1.0,
    device: Annotated[str, typer.Option(metavar="cpu|cuda:0")] = "cpu",
    workers: Annotated[int, typer.Option(metavar="2", help="Processes that render.")] = 2,
) -> int:
    """Make the weights that ship, from nothing but seeds; what was made before is kept."""
    from videoengine.models.backbones import require

    require("torch", "models", "The bundled recogniser")
    from videoengine.apps import train_bundled as runner

    with interruptible("Run it again: it goes on where it was."):
        runner.train_bundled(
            folder, out, runner.Recipe(budget, device, workers), say=lambda line: show(line)
        )
    return 0


@train.command()
def score(
    path: Annotated[Path, typer.Argument(metavar="HEAD", help="Made by `train head`.")],
    sources: Sources,
    backbone: Annotated[
        str | None,
        typer.Option(metavar="NAME[=PATH]", help="By default the one that the head names."),
    ] = None,
    rate: Rate = 1.0,
    json: Json = False,
) -> int:
    """Say what a head is worth: accuracy of phases, mAP of instruments."""
    from videoengine.models.backbones import require

    require("torch", "models", WHAT)
    from videoengine.apps import train as runner

    with interruptible("Nothing was written."), progress("frames") as tell:
        scored = runner.score(path, sources, backbone=backbone, rate_hz=rate, tell=tell)
    if json:
        show_json(runner.to_json(scored))
    else:
        show(runner.as_text(scored))
    return 0
