"""`live`: feeds in, one trusted case per stream, until they are stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from videoengine.apps.live_run import LiveRun
from videoengine.apps.metrics_server import Address, MetricsServer, parse_address
from videoengine.apps.preview import PreviewServer, parse_preview
from videoengine.apps.session import (
    BUDGET_MS,
    Outcome,
    check_policy,
    check_stream_id,
    drive,
    finds_procedure,
    make_engine,
    resolved_config,
)
from videoengine.errors import UsageError, nearest
from videoengine.snapshot import Snapshot
from videoengine.streams import LiveConfig
from videoengine.streams.live_config import Record
from videoengine.streams.live_url import live_address

__all__ = ["LiveRun", "live", "live_settings"]

RECORDS: Final[tuple[Record, ...]] = ("raw", "none")


def live_settings(
    preset: str | None = None,
    *,
    policy: str = "live",
    budget_ms: float = BUDGET_MS,
    record: str = "raw",
    **choices: Any,
) -> dict[str, Any]:
    """Return the configuration of a live run with every choice made, as JSON values."""
    config = resolved_config(preset, **choices)
    if finds_procedure(config):
        config["procedure_from"] = {"by": "stream"}
    return {
        **config,
        **check_policy(policy, budget_ms),
        "record": _check_record(record),
    }


def _check_record(record: str) -> Record:
    for known in RECORDS:
        if record == known:
            return known
    raise UsageError(
        "--record", got=repr(record), allowed=", ".join(RECORDS), remedy=nearest(record, RECORDS)
    )


def live(
    urls: Sequence[str],
    out: str | Path,
    *,
    names: Sequence[str] | None = None,
    preset: str | None = None,
    stages: Sequence[str] | None = None,
    procedure: str | None = None,
    modality: str | None = None,
    record: str | None = None,
    policy: str = "live",
    budget_ms: float = BUDGET_MS,
    until_ns: int | None = None,
    config: LiveConfig | None = None,
    metrics: str | None = None,
    preview: str | None = None,
    tell: Callable[[Snapshot], None] | None = None,
    on_engine: Callable[[LiveRun], None] | None = None,
) -> tuple[Outcome, ...]:
    """Analyze live feeds into one new case each, until they are stopped.

    An interrupt is the normal end: what is under way is finished and every case closed; a second
    one abandons what is under way.

    Args:
        urls: The feeds; with none, the run waits for `LiveRun.add` and ends by `LiveRun.stop`.
        out: Folder of the cases, `<stream_id>-<first 8 of run_id>` each.
        names: Stream ids in the order of the URLs; the rest is `s0`, `s1` ….
        preset: Name of a preset, or the path of one in TOML; by default the best that can run.
        stages: Run only these stages.
        procedure: Name of the procedure, if known.
        modality: Kind of endoscopy, one of `videoengine.cards.MODALITIES`.
        record: `raw` keeps every packet in quarantine/, `none` nothing; by default as `config`.
        policy: `live` leaves samples out when stages fall behind, `lossless` waits for them.
        budget_ms: Age in milliseconds beyond which the policy `live` leaves a sample out.
        until_ns: Stop each stream at this case time, in nanoseconds.
        config: Timing of the feeds: when one is lost, how it is opened again.
        metrics: `HOST:PORT` to serve /metrics and /healthz at.
        preview: `HOST:PORT` on this machine to show the pictures at.
        tell: Called with `Engine.snapshot()` about four times a second.
        on_engine: Called once with the run, to add and remove streams.

    Raises:
        VideoEngineError: Nothing was made, or a case could not be written to its end.
    """
    timing = replace(config or LiveConfig(), lossless=policy == "lossless")
    if record is not None:
        timing = replace(timing, record=_check_record(record))
    settings = live_settings(
        preset, policy=policy, budget_ms=budget_ms, record=timing.record, stages=stages,
        procedure=procedure, modality=modality, until_ns=until_ns,
    )  # fmt: skip
    chosen = _check_names(urls, names, timing)
    engine = make_engine(settings, is_live=True)
    run = LiveRun(out, settings, timing, engine, watched=preview is not None)
    addresses = (
        None if metrics is None else parse_address(metrics, "--metrics"),
        None if preview is None else parse_preview(preview),
    )
    with ExitStack() as stack:
        _serve(run, stack, *addresses)
        try:
            for url, name in zip(urls, chosen, strict=True):
                run.add(url, name=name)
            begun = None if on_engine is None else partial(on_engine, run)
            drive(run.engine, until_ns=until_ns, forever=not urls, tell=tell, begun=begun)
        finally:
            run.engine.close()
            run.close()
    return tuple(run.outcomes)


def _check_names(
    urls: Sequence[str], names: Sequence[str] | None, timing: LiveConfig
) -> list[str | None]:
    """Return a name or None for each URL; whatever is wrong is said before a case is made."""
    for url in urls:
        live_address(url, timing)
    given = [check_stream_id(name) for name in names or ()]
    if len(given) > len(urls):
        raise UsageError("There are more names than feeds", got=len(given), allowed=len(urls))
    twice = [name for name in given if given.count(name) > 1]
    if twice:
        raise UsageError("Two streams cannot have one name", got=twice[0])
    return [*given, *[None] * (len(urls) - len(given))]


def _serve(
    run: LiveRun, stack: ExitStack, metrics: Address | None, preview: Address | None
) -> None:
    if metrics is not None:
        stack.enter_context(MetricsServer(metrics, run.engine.metrics, run.states))
    if preview is not None:
        stack.enter_context(PreviewServer(preview, run.feeds))
