"""The verb `evaluate` of the command line: one command a task."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

import typer

from videoengine.apps.console import interruptible, progress, show, show_json
from videoengine.errors import UsageError

evaluate: Final = typer.Typer(
    no_args_is_help=True, help="Predictions beside the truth, with the scores the field uses."
)
NOTHING_WRITTEN: Final = "Nothing was written."


@evaluate.command()
def workflow(
    predictions: Annotated[
        list[str],
        typer.Option(metavar="CASE", help="Case, label file or folder of them; may be repeated."),
    ],
    truth: Annotated[
        list[str],
        typer.Option(
            metavar="TRUTH", help="sim://…, dataset://…, label file or folder; in the same order."
        ),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="CASE", help="Other predictions to be better than, in that order."),
    ] = None,
    rate: Annotated[
        float, typer.Option(metavar="1", help="Moments a second that are compared.")
    ] = 1.0,
    fps: Annotated[
        str | None,
        typer.Option(metavar="25", help="Rate that the frames of text files are counted at."),
    ] = None,
    stages: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of a case, score these stages.")
    ] = None,
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Also ask a source for boxes; frames are rendered.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")
    ] = False,
) -> int:
    """Score phases, steps, tools, triplets and boxes over videos."""
    from videoengine.apps.evaluate import evaluate_workflow
    from videoengine.apps.evaluate_find import Reading
    from videoengine.apps.evaluate_table import as_text

    chosen = tuple(part.strip() for part in (stages or "").split(",") if part.strip())
    with interruptible(NOTHING_WRITTEN), progress("moments") as tell:
        reading = Reading(rate, _rate(fps), chosen, boxes, tell)
        found = evaluate_workflow(predictions, truth, reading, against=against or ())
    if json:
        show_json(found.to_json())
    else:
        show(as_text(found))
    return 0


@evaluate.command()
def ask(
    case: Annotated[
        list[str] | None, typer.Option(metavar="CASE", help="Finished case; may be repeated.")
    ] = None,
    questions: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Its questions.jsonl; in the same order."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="A:B", help="Given the true events of these seeds.")
    ] = None,
    procedure: Annotated[
        str, typer.Option(metavar="NAME", help="Of the seeds.")
    ] = "cholecystectomy",
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")
    ] = False,
) -> int:
    """Score the answers of `ask` to the simulator's questions."""
    from videoengine.apps import evaluate_ask as runner
    from videoengine.apps.simulate import parse_seeds

    if (seeds is None) == (not case):
        raise UsageError(
            "Something must be asked",
            got="neither" if seeds is None else "--seeds and --case",
            allowed="--seeds A:B, or --case CASE --questions FILE",
        )
    with interruptible(NOTHING_WRITTEN), progress("procedures") as tell:
        if seeds is None:
            scores = runner.evaluate_cases(case or [], questions or [])
        else:
            judged = runner.judge_true(procedure, parse_seeds(seeds), progress=tell)
            scores = runner.score(judged)
    if json:
        show_json(scores.to_json())
    else:
        show(runner.as_text(scores))
    return 0


@evaluate.command()
def note(
    truth: Annotated[list[str], typer.Option(metavar="TRUTH", help="sim://…; may be repeated.")],
    predictions: Annotated[
        list[str] | None,
        typer.Option(metavar="CASE", help="Cases in that order; else those of the truth itself."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")
    ] = False,
) -> int:
    """Hold every claim of notes against their own log and against the truth."""
    from videoengine.apps.evaluate_note import as_json, as_text, evaluate_notes

    with interruptible(NOTHING_WRITTEN):
        scores = evaluate_notes(truth, predictions or ())
    if json:
        show_json(as_json(scores))
    else:
        show(as_text(scores))
    return 0


def _rate(text: str | None) -> Fraction | None:
    """Return frames a second as they are written, or raise."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError("This is no rate", got=repr(text), allowed="25, or 30000/1001")
    return rate
