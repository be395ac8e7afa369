"""`videoengine VERB …`: the command line. A verb imports the heavy modules that it needs."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer

import videoengine
from videoengine.apps.ask_verb import ask
from videoengine.apps.console import (
    ListenerGoneError,
    StoppedError,
    abandon_stdout,
    complain,
    hide_credentials,
    interruptible,
    progress,
    show,
    show_json,
)
from videoengine.apps.evaluate_verb import evaluate
from videoengine.apps.export_verb import export
from videoengine.apps.import_verb import import_annotations
from videoengine.apps.models_verb import models
from videoengine.apps.note_verb import note as operation_note
from videoengine.apps.note_verb import report
from videoengine.apps.options import CaseDir, Json, Moved
from videoengine.apps.simulate_verb import simulate
from videoengine.apps.train_verb import train
from videoengine.errors import (
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    OutputError,
    UsageError,
    VideoEngineError,
    nearest,
    one_line,
)

EXIT_INTERNAL: Final = 1
DEBUG: Final = "VIDEOENGINE_DEBUG"
# typer brings its own copy of click, older ones import it: its errors are found by their base.
_ClickError: Final[type[Any]] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Surgical and endoscopic video analytics. " + videoengine.DISCLAIMER,
)
BudgetMs = Annotated[
    float, typer.Option(metavar="500", help="Age in ms at which `--policy live` drops a sample.")
]
Preset = Annotated[str | None, typer.Option(help="Name of a preset, or a .toml file.")]


def main() -> NoReturn:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    hide_credentials()
    sys.exit(run(sys.argv[1:]))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error is one line on stderr."""
    try:
        code = app(list(arguments), prog_name="videoengine", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (BrokenPipeError, ListenerGoneError):
        abandon_stdout()
        return OutputError.exit_code
    except StoppedError as error:
        complain(str(error))
        return EXIT_INTERRUPTED
    except (KeyboardInterrupt, typer.Abort):
        complain("Interrupted.")
        return EXIT_INTERRUPTED
    except VideoEngineError as error:
        complain(error.line())
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the top level of the app
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    if isinstance(error, _ClickError):
        usage: Any = error
        text = one_line(usage.format_message())
        option: str = getattr(usage, "option_name", "")
        near = nearest(option, getattr(usage, "possibilities", None) or ())
        if near:
            text = f"No such option: {option}. {near}"
        if text:  # without a verb typer has printed the help already
            complain(text if text.endswith((".", "?")) else f"{text}.")
        return UsageError.exit_code
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    complain(
        f"Internal error: {type(error).__name__}: {error}. Please report it with the output of "
        f"`videoengine doctor` and of the same command under {DEBUG}=1."
    )
    return EXIT_INTERNAL


def _version(asked: bool) -> None:
    if asked:
        show(f"videoengine {videoengine.__version__}\n{videoengine.DISCLAIMER}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Hold the options that come before the verb."""


@app.command()
def analyze(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="File, image folder, or sim://…")],
    out: Annotated[Path, typer.Option("--out", metavar="CASE", help="Case directory to make.")],
    preset: Preset = None,
    stages: Annotated[str | None, typer.Option(metavar="A,B", help="Only these stages.")] = None,
    procedure: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    modality: Annotated[str | None, typer.Option(help="Kind of endoscopy.")] = None,
    until: Annotated[str | None, typer.Option(metavar="60s", help="Stop at this time.")] = None,
    fps: Annotated[str | None, typer.Option(metavar="N", help="Rate of an image folder.")] = None,
    stamps: Annotated[
        str | None, typer.Option(metavar="FILE", help="Stamps of an image folder.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="ID", help="Name of the stream.")] = None,
    as_live: Annotated[
        bool, typer.Option("--as-live", help="Replay at its own pace, as if it were live.")
    ] = False,
    policy: Annotated[
        str, typer.Option(metavar="lossless|live", help="With --as-live: whether samples may go.")
    ] = "lossless",
    budget_ms: BudgetMs = 500.0,
    json: Json = False,
) -> int:
    """Analyze a recorded procedure into a new case."""
    from videoengine.apps import analyze as runner
    from videoengine.apps.session import resolved_config
    from videoengine.media_time import parse_duration

    choices: dict[str, Any] = {
        "stages": _listed(stages),
        "procedure": procedure,
        "modality": modality,
        "until_ns": None if until is None else parse_duration(until),
    }
    _mention_missing(preset)
    if not json:
        paced = runner.paced_config(as_live, policy, budget_ms)
        _show_config({**resolved_config(preset, **choices), **paced})
    where: dict[str, Any] = {"fps": fps, "stamps": stamps, "name": name, "as_live": as_live}
    where |= {"policy": policy, "budget_ms": budget_ms}
    with interruptible(f"If {out} was begun, finish it: videoengine resume {out}"):
        with progress("frames") as tell:
            outcome = runner.analyze(source, out, preset=preset, progress=tell, **choices, **where)
        return _finish(outcome, json)


def _mention_missing(preset: str | None) -> None:
    """Say in one line, where no preset was named, what this installation could do besides."""
    from videoengine.presets import why_basic

    missing = why_basic() if preset is None else None
    if missing is not None:
        complain(missing)


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [part.strip() for part in names.split(",")]


@app.command()
def live(
    urls: Annotated[
        list[str], typer.Argument(metavar="URL…", help="rtsp://, rtmp://, http://…, or a camera.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="CASES", help="Folder of the cases.")],
    name: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Name of a stream; once per URL.")
    ] = None,
    preset: Preset = None,
    stages: Annotated[str | None, typer.Option(metavar="A,B", help="Only these stages.")] = None,
    procedure: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    modality: Annotated[str | None, typer.Option(help="Kind of endoscopy.")] = None,
    record: Annotated[
        str, typer.Option(metavar="raw|none", help="Whether packets are kept in quarantine/.")
    ] = "raw",
    policy: Annotated[
        str, typer.Option(metavar="live|lossless", help="Whether late samples are dropped.")
    ] = "live",
    budget_ms: BudgetMs = 500.0,
    until: Annotated[str | None, typer.Option(metavar="60s", help="Stop at this time.")] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve /metrics and /healthz.")
    ] = None,
    preview: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Show pictures, on this machine only.")
    ] = None,
    json: Json = False,
) -> int:
    """Analyze live feeds into a case each, until Ctrl-C."""
    from videoengine.apps import live as runner
    from videoengine.apps.live_view import dashboard
    from videoengine.media_time import parse_duration

    choices: dict[str, Any] = {
        "stages": _listed(stages),
        "procedure": procedure,
        "modality": modality,
        "until_ns": None if until is None else parse_duration(until),
        "policy": policy,
        "budget_ms": budget_ms,
        "record": record,
    }
    _mention_missing(preset)
    if not json:
        _show_config(runner.live_settings(preset, **choices))
    served: dict[str, Any] = {"metrics": metrics, "preview": preview}
    with dashboard() as tell:
        outcomes = runner.live(urls, out, names=name, preset=preset, tell=tell, **choices, **served)
    if json:
        show_json([dataclasses.asdict(outcome) for outcome in outcomes])
    return max((_finish(outcome, json, shown=json) for outcome in outcomes), default=0)


@app.command()
def resume(
    case: CaseDir,
    source: Moved = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Feed that a live case goes on with.")
    ] = None,
    json: Json = False,
) -> int:
    """Finish an interrupted analysis; of a finished one, write what is missing."""
    from videoengine.apps import analyze as runner

    with interruptible(f"Go on: videoengine resume {case}"):
        with progress("frames") as tell:
            outcome = runner.resume(case, source=source, url=url, progress=tell)
        return _finish(outcome, json)


def _show_config(config: dict[str, Any]) -> None:
    for key, value in config.items():
        if key == "stages":
            for stage in value:
                options = " ".join(f"{k}={v}" for k, v in stage.items() if k != "name")
                show(f"stage      {stage['name']} {options}".rstrip())
        else:
            show(f"{key:10} {'-' if value is None else value}")


def _finish(outcome: Any, json: bool, *, shown: bool = False) -> int:
    """Print what a run amounts to, unless it is shown already, and return the exit code."""
    from videoengine.media_time import clock

    if shown:
        pass
    elif json:
        show_json(outcome)
    else:
        pace = f" ({outcome.frames / outcome.seconds:.0f} frames/s)" if outcome.seconds else ""
        show(
            f"analyzed   {clock(outcome.media_ns, milliseconds=True)} of video, "
            f"{outcome.frames} frames, {outcome.events} events in {outcome.seconds:.1f} s{pace}"
        )
        show(f"case       {outcome.case}")
        if outcome.frames:
            show(f"report     {outcome.case / 'report.html'}")
    for failure in outcome.failures:
        complain(f"finished, but: {failure}")
    return EXIT_PARTIAL if outcome.failures else 0


@app.command()
def verify(
    case: CaseDir,
    text: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check what a text claims; - reads stdin.")
    ] = None,
    json: Json = False,
) -> int:
    """Check that a case is whole and its log adds up; or each claim of a text about it."""
    if text is not None:
        from videoengine.apps.check import check_file, show_checked

        checked = check_file(case, text)
        (show_json if json else show_checked)(checked)
        return 0
    from videoengine.apps.verify import verify as check

    verdict = check(case)
    if json:
        show_json(verdict)
        return 0
    kinds = ", ".join(f"{count} {kind}" for kind, count in verdict.kinds.items())
    show(f"{verdict.case} is whole")
    show(f"events     {verdict.events}, chain and keys unbroken: {kinds or 'none yet'}")
    show(f"runs       {verdict.runs_closed} finished, {verdict.runs_open} not finished")
    show(f"ledgers    {verdict.ledgers} balanced")
    show(f"artifacts  {verdict.artifacts} present")
    for note in verdict.notes:
        show(f"note       {note}")
    return 0


@app.command()
def purge(case: CaseDir, json: Json = False) -> int:
    """Delete the raw recording in quarantine/; the log says that it was done, and by whom."""
    from videoengine.apps.purge import purge as empty

    purged = empty(case)
    if json:
        show_json(purged)
    else:
        show(f"{purged.files} files ({purged.size} bytes) deleted from {purged.case}/quarantine")
    return 0


app.command()(ask)
app.command()(export)
app.command("import")(import_annotations)
app.command()(simulate)
app.command()(report)
app.command()(operation_note)
app.add_typer(models, name="models")
app.add_typer(evaluate, name="evaluate")
app.add_typer(train, name="train")


@app.command()
def doctor(json: Json = False) -> int:
    """Show what this machine has, and the command that adds what it lacks."""
    from videoengine.apps.doctor import as_text, examine

    findings = examine()
    if json:
        show_json([finding.to_json() for finding in findings])
    else:
        show(as_text(findings))
    return 0


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")] = Path(
        "videoengine-demo"
    ),
    json: Json = False,
) -> int:
    """Analyze a minute of a simulated operation, and compare what was found with the truth."""
    from videoengine.apps.demo import as_text
    from videoengine.apps.demo import demo as play

    with interruptible(f"What was made lies in {out}."), progress("frames") as tell:
        shown = play(out, progress=tell)
    if json:
        show_json(shown)
    else:
        show(as_text(shown))
    return EXIT_PARTIAL if shown.failures else 0


if __name__ == "__main__":
    main()
