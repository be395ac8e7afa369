"""Where the epochs of a case lie in case time, and where each of them ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from videoengine.case import Case
from videoengine.errors import CaseError
from videoengine.media_time import NS_PER_SECOND, Epoch, ns_from_pts
from videoengine.timeline import closed_runs


@dataclass(frozen=True, slots=True)
class Span:
    """One epoch in case time; no frame lies between the end of one and the start of the next."""

    epoch: Epoch
    end_ns: int
    """Case time at which its last frame ends, as far as the log knows."""

    @property
    def start_ns(self) -> int:
        """Case time of its first frame."""
        return self.epoch.offset_ns

    def stamp_ns(self, case_ns: int) -> int:
        """Return the stamp of a case time."""
        return case_ns - self.epoch.offset_ns + self.epoch.first_ns

    def ticks(self, case_ns: int) -> int:
        """Return the stamp of a case time in ticks of the time base."""
        return round(Fraction(self.stamp_ns(case_ns), NS_PER_SECOND) / self.epoch.time_base)

    def case_ns(self, ticks: int) -> int:
        """Return the case time of a stamp in ticks."""
        return self.epoch.case_ns(ns_from_pts(ticks, self.epoch.time_base))


def spans_of(case: Case) -> tuple[Span, ...]:
    """Return the epochs of a finished case, in the order of case time.

    Raises:
        CaseError: The analysis has not finished, or the manifest misses an epoch of the log.
    """
    runs = closed_runs(case.events("run", verify=False))
    epochs = {row.index: row for row in map(Epoch.from_json, case.manifest.epochs)}
    ends: dict[int, int] = {}
    for event in case.events(verify=False):
        if event.kind == "run" or event.stage.startswith("people"):
            continue
        if event.run_id not in {runs.newest.run_id, *runs.by_stage.values()}:
            continue
        epoch = epochs.get(event.epoch)
        if epoch is None:
            raise CaseError(
                "manifest.json misses an epoch of the log",
                got=f"epoch {event.epoch}",
                allowed=", ".join(map(str, epochs)) or "none",
                remedy="Finish the analysis: videoengine resume CASE",
            )
        end_ns = epoch.case_ns(event.end_ns)
        ends[event.epoch] = max(end_ns, ends.get(event.epoch, epoch.offset_ns))
        if event.kind in ("gap", "reconnect"):
            before = event.evidence[0]
            last = epochs[before["epoch"]]
            ends[last.index] = last.case_ns(before["end_ns"])
    return tuple(Span(epochs[index], end) for index, end in sorted(ends.items()))


def span_at(spans: Sequence[Span], case_ns: int) -> Span | None:
    """Return the span that a case time lies in, or None in a gap and outside the case."""
    for span in spans:
        if span.start_ns <= case_ns < span.end_ns:
            return span
    return None
