"""What every run over a case shares: its configuration, manifest, `run` lines and end."""

from __future__ import annotations

import functools
import platform
import re
import subprocess
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine import durable
from videoengine.apps.report import write_report
from videoengine.cards import ModelCard
from videoengine.case import Case, Manifest, SourceRecord
from videoengine.closing import closing_events
from videoengine.engine import Engine
from videoengine.errors import ModelError, SourceError, UsageError, nearest
from videoengine.events import SCHEMA, Draft, Event
from videoengine.lane import ENGINE, Lane, Sink
from videoengine.live_policy import LivePolicy
from videoengine.payloads import RunPayload
from videoengine.presets import (
    check_modality,
    default_preset,
    load_preset,
    make_stages,
    parse_preset,
    with_providers,
)
from videoengine.snapshot import Snapshot
from videoengine.sources import Source
from videoengine.stages import Stage, StageContext
from videoengine.writer import LogWriter

METRICS: Final = "metrics.prom"
REPORT: Final = "report.html"
STREAM_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
POLICIES: Final = ("live", "lossless")
BUDGET_MS: Final = 500.0
TELL_SECONDS: Final = 0.25
"""How often the caller of a live run is told how the streams fare."""


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
    preset: str | None = None,
    *,
    stages: Sequence[str] | None = None,
    procedure: str | None = None,
    modality: str | None = None,
    until_ns: int | None = None,
) -> dict[str, Any]:
    """Return the configuration of a run with every choice made, as JSON values."""
    whole = chosen = load_preset(preset or default_preset())
    kind = check_modality(modality or whole.modality or "unknown")
    if stages:
        context = StageContext(kind, procedure)
        chosen = with_providers(whole.only(stages), whole, context)
    return {
        "preset": chosen.name,
        "stages": [{"name": choice.name, **choice.options} for choice in chosen.stages],
        "modality": kind,
        "procedure": procedure,
        **({} if procedure is None else {"procedure_from": {"by": "caller"}}),
        "until_ns": until_ns,
        "version": videoengine.__version__,
        "commit": git_commit(),
        "device": this_machine(),
    }


def finds_procedure(config: dict[str, Any]) -> bool:
    """Tell whether a run is left to find out the procedure, and has a stage that does."""
    stages = {row["name"] for row in config["stages"]}
    return config["procedure"] is None and "procedure" in stages


def this_machine() -> str:
    """Return the machine and the Python that run this, in words."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


@functools.cache
def git_commit() -> str | None:
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


def check_stream_id(name: str) -> str:
    """Return a stream id that is safe as a name in ledgers, folders and metrics."""
    if not STREAM_ID.fullmatch(name):
        raise UsageError(
            "This cannot name a stream",
            got=repr(name),
            allowed="1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
        )
    return name


def check_policy(policy: str, budget_ms: float) -> dict[str, Any]:
    """Return, for a run's configuration, how it deals with stages that cannot keep up."""
    if policy not in POLICIES:
        raise UsageError(
            "This is no policy", got=policy, allowed=", ".join(POLICIES),
            remedy=nearest(policy, POLICIES),
        )  # fmt: skip
    if not budget_ms > 0:
        raise UsageError("The budget", got=f"{budget_ms} ms", allowed="above 0 ms")
    return {"policy": policy, "budget_ms": budget_ms if policy == "live" else None}


def make_run_stages(config: dict[str, Any], decision: Event | None = None) -> list[Stage]:
    """Make the stages that a resolved configuration names.

    Args:
        config: What `resolved_config` returned.
        decision: The event by which a stream that is taken up again had its procedure decided.
    """
    preset = parse_preset(config["preset"], {"stages": config["stages"]})
    context = StageContext(config["modality"], config["procedure"], config.get("procedure_from"))
    if decision is not None:
        said = {"by": "stream", "probabilities": decision.payload["probabilities"], "samples": 0}
        context = StageContext(config["modality"], decision.payload["label"]["name"], said)
    return make_stages(preset, context)


def make_engine(
    config: dict[str, Any], *, is_live: bool = False, stages: Sequence[Stage] | None = None
) -> Engine:
    """Make the engine that a resolved configuration describes.

    Args:
        config: What `resolved_config` returned.
        is_live: The sources cannot be asked for a frame again, so there are no checkpoints.
        stages: Made for `config`; by default they are made here.
    """
    sheds = config.get("policy") == "live"
    return Engine(
        make_run_stages(config) if stages is None else stages,
        modality=config["modality"],
        procedure=config["procedure"],
        checkpoints=not (is_live or sheds),
        live=LivePolicy(budget_ms=config["budget_ms"]) if sheds else None,
    )


def new_manifest(config: dict[str, Any], stream_id: str, source: SourceRecord) -> Manifest:
    """Return the manifest of a case that begins now."""
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


def drive(
    engine: Engine,
    *,
    until_ns: int | None,
    forever: bool = False,
    tell: Callable[[Snapshot], None] | None = None,
    begun: Callable[[], None] | None = None,
) -> None:
    """Run live feeds until they end; an interrupt ends them in order, a second one at once.

    Args:
        engine: Runs in a thread of its own, so that an interrupt here does not cut it short.
        until_ns: Stop each stream at this case time, in nanoseconds.
        forever: Go on without a stream.
        tell: Called with `Engine.snapshot()` about four times a second.
        begun: Called once when the engine runs.
    """
    failures: list[BaseException] = []
    # Not `join`: in Python 3.11 one that is interrupted takes the thread for ended.
    ended = threading.Event()

    def work() -> None:
        try:
            engine.run(until_ns=until_ns, forever=forever)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)
        finally:
            ended.set()

    threading.Thread(target=work, name="engine", daemon=True).start()
    if begun is not None:
        begun()
    stopping = False
    while not ended.is_set():
        try:
            ended.wait(TELL_SECONDS)
            if tell is not None:
                tell(engine.snapshot())
        except KeyboardInterrupt:
            if stopping:
                engine.close()
            else:
                engine.stop()
            stopping = True
    if failures:
        raise failures[0]


def _about(card: ModelCard) -> dict[str, Any]:
    """Return what a reader of the log wants to know about a model, without loading it."""
    return {
        "licence": card.licence,
        "trained_on": card.trained_on,
        "weights": card.weights,
        "procedures": list(card.procedures),
        "calibration": card.calibration,
    }


class Session:
    """One stream's run over its case: from its first `run` line to its report."""

    def __init__(
        self,
        case: Case,
        source: Source,
        engine: Engine,
        label: str,
        *,
        watch: Callable[[Sink], Sink] | None = None,
    ) -> None:
        """Open the case's log and add the stream to the engine.

        Args:
            case: Locked for writing.
            source: Closed by the engine, or here when the log cannot be opened.
            engine: Where the stream runs.
            label: What the `run` lines call the source.
            watch: Wraps the log's sink, for whoever else wants the events.
        """
        self.case, self.source, self.engine, self.label = case, source, engine, label
        self.state = "opened"
        self.run_lines = 0
        try:
            self.writer = LogWriter(case)
        except BaseException:
            source.close()
            raise
        self.sink: Sink = self.writer if watch is None else watch(self.writer)
        self.lane: Lane = engine.add(source, self.sink, case.manifest.run_id)
        self.lane.opening = lambda: self.run_line(self.state)

    def adopt(self, source: Source, lane: Lane, engine: Engine) -> None:
        """Go on with another source and lane: the run and its log stay the same."""
        self.source, self.lane, self.engine = source, lane, engine

    def abort(self) -> None:
        """Give up before the first frame."""
        self.writer.close()
        self.source.close()

    def stage_rows(self) -> dict[str, Any]:
        """Return the configuration and hashes of every stage, by name."""
        return {
            stage.stage.spec.name: {
                **stage.config,
                "about": _about(stage.stage.spec.card),
                "model_hash": stage.model_hash,
                "config_hash": stage.config_hash,
            }
            for stage in self.lane.stages
        }

    def check_models(self, opened: Event) -> None:
        """Refuse to go on with a run that other models began.

        Raises:
            ModelError: A model hash is no longer that of the run's first line.
        """
        began = {name: row["model_hash"] for name, row in opened.payload["stages"].items()}
        now = {name: row["model_hash"] for name, row in self.stage_rows().items()}
        if began != now:
            changed = sorted(name for name in began if began[name] != now.get(name))
            raise ModelError(
                "The run was begun with other models",
                got=", ".join(changed),
                allowed="the same model hashes",
                remedy="Install the version in manifest.json, or analyze again.",
            )

    def run_line(self, state: Any) -> Event:
        """Return the run's next `run` line; a source without a frame has none."""
        # A live source's own clock may be ahead of the frames that the lane has seen.
        epoch = self.lane.epochs[0] if self.lane.epochs else self.source.clock.epoch
        if epoch is None:
            raise SourceError(f"{self.source.info.uri} holds no frame")
        frame = self.lane.last_frame
        end_ns = epoch.first_ns if frame is None else frame.end_ns
        index = 0 if frame is None or state == "opened" else frame.epoch
        start_ns = epoch.first_ns if state == "opened" else end_ns
        closed = state == "closed"
        payload = RunPayload(
            state=state,
            version=videoengine.__version__,
            preset=self.case.manifest.config["preset"],
            source=self.label,
            stages=self.stage_rows(),
            host=f"{platform.system()} {platform.machine()}",
            ledger=self.lane.ledger() if closed else None,
            packets={self.lane.stream_id: self.source.packets.to_json()} if closed else None,
        )
        self.run_lines += 1
        return self.lane.event(
            ENGINE, Draft("run", payload), index, start_ns, max(start_ns, end_ns), self.run_lines
        )

    def close_run(self) -> None:
        """Log what is stated with hindsight, and the end of the run, once all frames are served."""
        self.writer.flush()
        for event in closing_events(self.case, self.lane):
            if event.key not in self.lane.known:
                self.lane.events += 1
                self.sink.put([event])
        self.case.save_epochs(self.lane.epochs)
        self.sink.put([self.run_line("closed")])

    def finish(self, seconds: float, metrics: str) -> Outcome:
        """Write metrics and report of a closed run."""
        self.case.drop_checkpoint()
        durable.replace(self.case.path / METRICS, metrics.encode())
        write_report(self.case)
        return self.outcome(seconds)

    def outcome(self, seconds: float, *failures: str) -> Outcome:
        """Return what the run amounts to so far."""
        return Outcome(
            case=self.case.path,
            run_id=self.lane.run_id,
            frames=self.lane.frames,
            events=self.lane.events,
            media_ns=self.lane.end_ns,
            seconds=seconds,
            failures=(*self.lane.failures, *failures),
        )
