"""Statements about a finished case: questions, answers, reports and signatures go into its log."""

from __future__ import annotations

from collections.abc import Sequence

from videoengine.case import Case
from videoengine.events import SCHEMA, Draft, Event, Evidence, event_key, plain


def state(case: Case, drafts: Sequence[Draft], *, stage: str) -> list[Event]:
    """Append statements to the log of a case that is open for writing; return them as logged.

    Each lies at the end of the newest event, unless its draft says where; without evidence it
    rests on that moment. All of them last, or the error says which file refused.

    Args:
        case: Opened by `Case.open_for_writing`.
        drafts: What is stated, in order.
        stage: Who states it: `engine`, `ask`, `note`, `people`.

    Raises:
        CaseError: The log is damaged.
        OutputError: The disk refuses.
    """
    newest: Event | None = None
    before: dict[str, int] = {}
    for event in case.events(verify=False):
        newest = event
        before[event.kind] = before.get(event.kind, 0) + 1
    epoch, end_ns = (0, 0) if newest is None else (newest.epoch, newest.end_ns)
    log = case.log()
    try:
        logged: list[Event] = []
        for draft in drafts:
            ordinal = before.get(draft.kind, 0)
            before[draft.kind] = ordinal + 1
            logged.append(log.append(_event(case, draft, stage, epoch, end_ns, ordinal)))
        log.commit()
    finally:
        log.close()
    return logged


def _event(case: Case, draft: Draft, stage: str, epoch: int, end_ns: int, ordinal: int) -> Event:
    stream_id = case.manifest.stream_id
    start = end_ns if draft.start_ns is None else draft.start_ns
    end = end_ns if draft.end_ns is None else draft.end_ns
    evidence = draft.evidence or (Evidence(stream_id, epoch, start, end),)
    return Event(
        schema=SCHEMA,
        seq=-1,
        key=event_key(stream_id, epoch, stage, "", "", start, end, draft.kind, ordinal),
        run_id=case.manifest.run_id,
        kind=draft.kind,
        stream_id=stream_id,
        epoch=epoch,
        start_ns=start,
        end_ns=end,
        stage=stage,
        model_hash="",
        config_hash="",
        payload=plain(draft.payload),
        confidence=draft.confidence,
        evidence=[row.to_json() for row in evidence],
    )
