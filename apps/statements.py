"""Statements about a finished case: questions, answers, reports and signatures go into its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from videoengine.case import Case
from videoengine.events import SCHEMA, Draft, Event, Evidence, event_key, plain
from videoengine.log import LogEnd


@dataclass(slots=True)
class LogTail:
    """What the next statement needs to know of a log."""

    end: LogEnd | None
    """None: the log is verified when it is opened."""
    epoch: int
    end_ns: int
    """Stamp at which the newest event ends."""
    said: dict[str, int]
    """Events of each kind so far."""


def read_tail(case: Case) -> LogTail:
    """Return the tail of a log that is to be verified."""
    tail = LogTail(None, 0, 0, {})
    for event in case.events(verify=False):
        tail.epoch, tail.end_ns = event.epoch, event.end_ns
        tail.said[event.kind] = tail.said.get(event.kind, 0) + 1
    return tail


class Speaker:
    """Appends statements to the log of a case that is open for writing.

    Each lies at the end of the newest event, unless its draft says where; without evidence it
    rests on that moment.
    """

    def __init__(self, case: Case, stage: str, tail: LogTail | None = None) -> None:
        """Open the log.

        Args:
            case: Opened by `Case.open_for_writing`.
            stage: Who states: `engine`, `ask`, `note`, `people`.
            tail: What is known of the log; None: it is read and verified.

        Raises:
            CaseError: The log is damaged.
            OutputError: The disk refuses.
        """
        self._case, self._stage = case, stage
        self._tail = read_tail(case) if tail is None else tail
        self._log = case.log(end=self._tail.end)

    def state(self, drafts: Sequence[Draft]) -> list[Event]:
        """Return the statements as logged; all of them last, or the error says what refused."""
        tail = self._tail
        logged: list[Event] = []
        for draft in drafts:
            ordinal = tail.said.get(draft.kind, 0)
            tail.said[draft.kind] = ordinal + 1
            event = _event(self._case, draft, self._stage, tail.epoch, tail.end_ns, ordinal)
            logged.append(self._log.append(event))
        self._log.commit()
        return logged

    def close(self) -> None:
        """Close the log; safe to call twice."""
        self._log.close()

    def __enter__(self) -> Self:
        """Return the speaker."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self.close()


def state(case: Case, drafts: Sequence[Draft], *, stage: str) -> list[Event]:
    """Append statements to the log of a case that is open for writing; return them as logged.

    Args:
        case: Opened by `Case.open_for_writing`.
        drafts: What is stated, in order.
        stage: Who states it: `engine`, `ask`, `note`, `people`.

    Raises:
        CaseError: The log is damaged.
        OutputError: The disk refuses.
    """
    with Speaker(case, stage) as speaker:
        return speaker.state(drafts)


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
