"""`analyze` and `resume`: a recorded procedure in, a trusted case out."""

from __future__ import annotations

import platform
import re
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine import durable
from videoengine.apps.report import write_report
from videoengine.apps.source_record import record_source, reopen_source
from videoengine.case import Case, Manifest, SourceRecord
from videoengine.engine import Engine, Progress
from videoengine.errors import CaseError, ModelError, SourceError, UsageError, redact
from videoengine.events import SCHEMA, Draft, Event
from videoengine.lane import ENGINE, Lane
from videoengine.payloads import RunPayload
from videoengine.presets import DEFAULT, check_modality, load_preset, make_stages, parse_preset
from videoengine.sources import Source
from videoengine.stages import Stage, StageContext
from videoengine.streams import open_source
from videoengine.writer import LogWriter

METRICS: Final = "metrics.prom"
REPORT: Final = "report.html"
STREAM_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run amounts to."""

    case: Path
    run_id: str
    frames: int
    events: int
    media_ns: int
    """Case time of the end of the last frame, in nanoseconds."""
    seconds: float
    """From the first packet to the last event on the disk, on the monotonic clock."""
    failures: tuple[str, ...]
    """What failed on the way; the run finished all the same."""


def resolved_config(
    preset: str = DEFAULT,
    *,
    stages: Sequence[str] | None = None,
    procedure: str | None = None,
    modality: str | None = None,
    until_ns: int | None = None,
) -> dict[str, Any]:
    """Return the configuration of a run with every choice made, as JSON values."""
    chosen = load_preset(preset)
    if stages:
        chosen = chosen.only(stages)
    return {
        "preset": chosen.name,
        "stages": [{"name": choice.name, **choice.options} for choice in chosen.stages],
        "modality": check_modality(modality or chosen.modality or "unknown"),
        "procedure": procedure,
        "until_ns": until_ns,
        "version": videoengine.__version__,
        "commit": _commit(),
        "device": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def _checked(name: str) -> str:
    """Return a stream id that is safe as a name in ledgers, folders and metrics."""
    if not STREAM_ID.fullmatch(name):
        raise UsageError(
            "This cannot name a stream",
            got=repr(name),
            allowed="1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
        )
    return name


def _commit() -> str | None:
    """Return the git commit of a checkout, or None for an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _make_stages(config: dict[str, Any]) -> list[Stage]:
    preset = parse_preset(config["preset"], {"stages": config["stages"]})
    return make_stages(preset, StageContext(config["modality"], config["procedure"]))


def analyze(
    source: str,
    out: str | Path,
    *,
    preset: str = DEFAULT,
    stages: Sequence[str] | None = None,
    procedure: str | None = None,
    modality: str | None = None,
    until_ns: int | None = None,
    fps: float | str | None = None,
    stamps: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Analyze a recorded source into the new case directory `out`.

    Args:
        source: Path of a video file or image folder, or the URI of a source plug-in.
        out: Case directory to make; nothing may stand there.
        preset: Name of a preset, or the path of one in TOML.
        stages: Run only these stages.
        procedure: Name of the procedure, if known.
        modality: Kind of endoscopy, one of `videoengine.cards.MODALITIES`.
        until_ns: Stop at this case time, in nanoseconds.
        fps: Frames a second of an image folder.
        stamps: File with one stamp in seconds a line, for an image folder.
        name: Stream id; by default `s0`.
        progress: Called about ten times a second.

    Raises:
        VideoEngineError: Nothing was made, or, when the disk failed under way, the case can be
            finished by `resume`.
    """
    config = resolved_config(
        preset, stages=stages, procedure=procedure, modality=modality, until_ns=until_ns
    )
    made = _make_stages(config)
    engine = Engine(made, modality=config["modality"], procedure=procedure)
    Case.refuse_existing(out)
    opened = open_source(source, stream_id=_checked(name or "s0"), fps=fps, stamps=stamps)
    try:
        record = record_source(source, fps=fps, stamps=stamps)
        case = Case.create(out, _manifest(config, opened.clock.stream_id, record))
    except BaseException:
        opened.close()
        raise
    with case:
        return _Session(case, opened, engine).run(progress)


def _manifest(config: dict[str, Any], stream_id: str, source: SourceRecord) -> Manifest:
    return Manifest(
        schema=SCHEMA,
        case_id=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=videoengine.__version__,
        stream_id=stream_id,
        modality=config["modality"],
        procedure=config["procedure"],
        run_id=uuid.uuid4().hex,
        config=config,
        source=source,
    )


def resume(
    case: str | Path, *, source: str | None = None, progress: Progress | None = None
) -> Outcome:
    """Finish an interrupted analysis; of a closed run, write what is missing.

    Args:
        case: The case directory.
        source: Where the recorded source is now, when it moved.
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
        config = manifest.config
        try:
            engine = Engine(
                _make_stages(config), modality=config["modality"], procedure=config["procedure"]
            )
        except (KeyError, TypeError) as error:
            raise CaseError("manifest.json: the configuration is damaged", got=error) from error
        opened = reopen_source(opened_case, source)
        session = _Session(opened_case, opened, engine)
        if lines:
            session.go_on(lines)
        return session.run(progress)


def _complete(case: Case, closed: Event) -> Outcome:
    """Write what a kill after the last event left out."""
    case.drop_checkpoint()
    timeline = case.timeline()
    if not (case.path / REPORT).exists():
        write_report(case)
    frames = sum(row["decoded"] for row in closed.payload["packets"].values())
    events = sum(event.kind != "run" for event in case.events(verify=False))
    return Outcome(case.path, closed.run_id, frames, events, timeline.end_ns, 0.0, ())


class _Session:
    """One run of an engine over one case, from its first line to its report."""

    def __init__(self, case: Case, source: Source, engine: Engine) -> None:
        self.case, self.source, self.engine = case, source, engine
        self.state = "opened"
        self.run_lines = 0
        try:
            self.writer = LogWriter(case)
        except BaseException:
            source.close()
            raise
        self.lane: Lane = engine.add(source, self.writer, case.manifest.run_id)
        self.lane.opening = lambda: self._run_line(self.state)

    def go_on(self, lines: Sequence[Event]) -> None:
        """Continue the run that these `run` lines began."""
        self.state, self.run_lines = "resumed", len(lines)
        try:
            began = {n: r["model_hash"] for n, r in lines[0].payload["stages"].items()}
            now = {n: r["model_hash"] for n, r in self._stage_rows().items()}
            if began != now:
                changed = sorted(n for n in began if began[n] != now.get(n))
                raise ModelError(
                    "The run was begun with other models",
                    got=", ".join(changed),
                    allowed="the same model hashes",
                    remedy="Install the version in manifest.json, or analyze again.",
                )
            checkpoint = self.case.checkpoint()
            first = 0
            if checkpoint is not None and checkpoint["run_id"] == self.lane.run_id:
                first = checkpoint["seq"]
                self.lane.decode(checkpoint, time.monotonic_ns())
                self.writer.put([self._run_line("resumed")])
                self.lane.opening = None
            self.lane.known = frozenset(
                event.key
                for event in self.case.events(verify=False)
                if event.seq >= first and event.run_id == self.lane.run_id
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            self._abort()
            raise CaseError(
                "checkpoint.json is damaged",
                got=f"{type(error).__name__}: {error}",
                remedy="Delete checkpoint.json: resume then starts from the first frame.",
            ) from error
        except BaseException:
            self._abort()
            raise

    def _abort(self) -> None:
        self.writer.close()
        self.source.close()

    def _stage_rows(self) -> dict[str, Any]:
        return {
            stage.stage.spec.name: {
                **stage.config,
                "model_hash": stage.model_hash,
                "config_hash": stage.config_hash,
            }
            for stage in self.lane.stages
        }

    def _run_line(self, state: Any) -> Event:
        epoch = self.source.clock.epoch
        if epoch is None:
            raise SourceError(f"{self.source.info.uri} holds no frame")
        frame = self.lane.last_frame
        end_ns = epoch.first_ns if frame is None else frame.end_ns
        index = 0 if frame is None else frame.epoch
        start_ns = epoch.first_ns if state == "opened" else end_ns
        closed = state == "closed"
        payload = RunPayload(
            state=state,
            version=videoengine.__version__,
            preset=self.case.manifest.config["preset"],
            source=redact(Path(self.source.info.uri).name),
            stages=self._stage_rows(),
            host=f"{platform.system()} {platform.machine()}",
            ledger=self.lane.ledger() if closed else None,
            packets={self.lane.stream_id: self.source.packets.to_json()} if closed else None,
        )
        self.run_lines += 1
        return self.lane.event(
            ENGINE, Draft("run", payload), index, start_ns, end_ns, self.run_lines
        )

    def run(self, progress: Progress | None) -> Outcome:
        """Run to the end of the source, close the run, write metrics and report."""
        began = time.monotonic()
        until_ns = self.case.manifest.config["until_ns"]
        try:
            self.engine.run(until_ns=until_ns, progress=progress)
            self.case.save_epochs(self.lane.epochs)
            self.writer.put([self._run_line("closed")])
        finally:
            self.engine.close()
            self.writer.close()
        seconds = time.monotonic() - began
        self.case.drop_checkpoint()
        durable.replace(self.case.path / METRICS, self.engine.metrics().encode())
        write_report(self.case)
        return Outcome(
            case=self.case.path,
            run_id=self.lane.run_id,
            frames=self.lane.frames,
            events=self.lane.events,
            media_ns=self.lane.end_ns,
            seconds=seconds,
            failures=tuple(self.lane.failures),
        )
