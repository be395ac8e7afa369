"""`analyze` and `resume`: a recorded procedure in, a trusted case out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videoengine.apps.live_resume import resume_live
from videoengine.apps.report import write_report
from videoengine.apps.session import (
    BUDGET_MS,
    REPORT,
    Outcome,
    Session,
    check_policy,
    check_stream_id,
    finds_procedure,
    make_engine,
    new_manifest,
    resolved_config,
)
from videoengine.apps.source_record import LIVE, record_source, reopen_source
from videoengine.canonical import rounded
from videoengine.case import Case
from videoengine.engine import Engine, Progress
from videoengine.errors import CaseError, UsageError, redact
from videoengine.events import Event
from videoengine.sources import Source
from videoengine.streams import PacedSource, open_source


def analyze(
    source: str,
    out: str | Path,
    *,
    preset: str | None = None,
    stages: Sequence[str] | None = None,
    procedure: str | None = None,
    modality: str | None = None,
    until_ns: int | None = None,
    fps: float | str | None = None,
    stamps: str | None = None,
    name: str | None = None,
    as_live: bool = False,
    policy: str = "lossless",
    budget_ms: float = BUDGET_MS,
    progress: Progress | None = None,
) -> Outcome:
    """Analyze a recorded source into the new case directory `out`.

    Args:
        source: Path of a video file or image folder, or the URI of a source plug-in.
        out: Case directory to make; nothing may stand there.
        preset: Name of a preset, or the path of one in TOML; by default the best that can run.
        stages: Run only these stages.
        procedure: Name of the procedure, if known; else a first pass over the video decides, where
            a stage of the run asks for it.
        modality: Kind of endoscopy, one of `videoengine.cards.MODALITIES`.
        until_ns: Stop at this case time, in nanoseconds.
        fps: Frames a second of an image folder.
        stamps: File with one stamp in seconds a line, for an image folder.
        name: Stream id; by default `s0`.
        as_live: Replay the video at its own pace, as if it were live.
        policy: Of such a replay: `lossless` waits for the stages, `live` leaves samples out.
        budget_ms: Age in milliseconds beyond which the policy `live` leaves a sample out.
        progress: Called about ten times a second.

    Raises:
        VideoEngineError: Nothing was made, or, when the disk failed under way, the case can be
            finished by `resume`.
    """
    config = resolved_config(
        preset, stages=stages, procedure=procedure, modality=modality, until_ns=until_ns
    )
    config |= paced_config(as_live, policy, budget_ms)
    engine = make_engine(config)  # a bad call is refused before the video is looked at
    Case.refuse_existing(out)
    stream_id = check_stream_id(name or "s0")
    if finds_procedure(config):
        config |= _first_pass(open_source(source, stream_id=stream_id, fps=fps, stamps=stamps))
        engine = make_engine(config)
    opened = _paced(config, open_source(source, stream_id=stream_id, fps=fps, stamps=stamps))
    try:
        content = opened.info.content
        record = record_source(source, fps=fps, stamps=stamps, content=content)
        case = Case.create(out, new_manifest(config, stream_id, record))
    except BaseException:
        opened.close()
        raise
    with case:
        return _run(Session(case, opened, engine, _label(opened)), engine, progress)


def paced_config(
    as_live: bool, policy: str = "lossless", budget_ms: float = BUDGET_MS
) -> dict[str, Any]:
    """Return what a replay at its own pace adds to the configuration of a run."""
    chosen = check_policy(policy, budget_ms)
    if not as_live and policy == "live":
        raise UsageError(
            "Only a video replayed at its own pace can fall behind",
            got="--policy live without --as-live",
            allowed="--as-live --policy live",
        )
    return {"as_live": True, **chosen} if as_live else {}


def _first_pass(source: Source) -> dict[str, Any]:
    """Decide the procedure from the source, close it, and return what the configuration says."""
    from videoengine.models.workflow.procedure import decide_procedure  # imports torch

    try:
        decision = decide_procedure(source)
    finally:
        source.close()
    said = {"probabilities": decision.probabilities, "samples": decision.samples}
    row = {"procedure": decision.procedure, "procedure_from": {"by": "first pass", **said}}
    settled: dict[str, Any] = rounded(row)
    return settled


def _paced(config: dict[str, Any], source: Source) -> Source:
    return PacedSource(source) if config.get("as_live") else source


def resume(
    case: str | Path,
    *,
    source: str | None = None,
    url: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Finish an interrupted analysis; of a closed run, write what is missing.

    Args:
        case: The case directory.
        source: Where the recorded source is now, when it moved.
        url: The feed that a live case goes on with, after what was recorded.
        progress: Called about ten times a second.

    Raises:
        SourceError: The source is missing, or not the one that was analyzed.
        ModelError: A stage is no longer the one that began the run.
        CaseError: The case is corrupt, or another process is writing it.
    """
    with Case.open_for_writing(case) as opened_case:
        manifest = opened_case.manifest
        lines = [e for e in opened_case.events("run") if e.run_id == manifest.run_id]
        if lines and lines[-1].payload["state"] == "closed":
            return _complete(opened_case, lines[-1])
        if manifest.source is not None and manifest.source.kind == LIVE:
            return resume_live(opened_case, lines, url, progress)
        if url is not None:
            raise UsageError("This case is of a recorded source", got="--url", allowed="--source")
        config = manifest.config
        try:
            engine = make_engine(config)
        except (KeyError, TypeError) as error:
            raise CaseError("manifest.json: the configuration is damaged", got=error) from error
        opened = _paced(config, reopen_source(opened_case, source))
        session = Session(opened_case, opened, engine, _label(opened))
        if lines:
            _go_on(session, lines)
        return _run(session, engine, progress)


def _complete(case: Case, closed: Event) -> Outcome:
    """Write what a kill after the last event left out."""
    case.drop_checkpoint()
    timeline = case.timeline()
    if not (case.path / REPORT).exists():
        write_report(case)
    frames = sum(row["decoded"] for row in closed.payload["packets"].values())
    events = sum(event.kind != "run" for event in case.events(verify=False))
    return Outcome(case.path, closed.run_id, frames, events, timeline.end_ns, 0.0, ())


def _go_on(session: Session, lines: Sequence[Event]) -> None:
    """Continue the run that these `run` lines began."""
    session.state, session.run_lines = "resumed", len(lines)
    case, lane = session.case, session.lane
    try:
        session.check_models(lines[0])
        checkpoint = case.checkpoint()
        first = 0
        if checkpoint is not None and checkpoint["run_id"] == lane.run_id:
            first = checkpoint["seq"]
            lane.decode(checkpoint, time.monotonic_ns())
            session.writer.put([session.run_line("resumed")])
            lane.opening = None
        lane.known = frozenset(
            event.key
            for event in case.events(verify=False)
            if event.seq >= first and event.run_id == lane.run_id
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        session.abort()
        raise CaseError(
            "checkpoint.json is damaged",
            got=f"{type(error).__name__}: {error}",
            remedy="Delete checkpoint.json: resume then starts from the first frame.",
        ) from error
    except BaseException:
        session.abort()
        raise


def _run(session: Session, engine: Engine, progress: Progress | None) -> Outcome:
    """Run to the end of the source, close the run, write metrics and report."""
    began = time.monotonic()
    until_ns = session.case.manifest.config["until_ns"]
    try:
        engine.run(until_ns=until_ns, progress=progress)
        session.close_run()
    finally:
        engine.close()
        session.writer.close()
    return session.finish(time.monotonic() - began, engine.metrics())


def _label(source: Source) -> str:
    return redact(Path(source.info.uri).name)
