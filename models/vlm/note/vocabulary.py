"""What a template must hold: words, formats, sentences with their placeholders, kinds of terms."""

from __future__ import annotations

from typing import Final

WORDS: Final = (
    "and",
    "case_times",
    "confidence_high",
    "confidence_low",
    "confidence_moderate",
    "confidence_none",
    "content_hash",
    "differ",
    "draft",
    "edited",
    "evidence",
    "events",
    "field",
    "how_to_report",
    "more",
    "not_observable",
    "not_signed",
    "observed",
    "other_reports",
    "outdated",
    "outdated_explained",
    "procedure",
    "quote_close",
    "quote_open",
    "replaces",
    "reported",
    "reported_by",
    "required_by",
    "signature",
    "signed",
    "signed_by",
    "software",
    "starter",
    "state",
    "statement",
    "status",
    "struck",
    "template",
    "trained_on",
)
"""Headings and fixed phrases; writers of documents are handed all of them."""

TIMES: Final[dict[str, frozenset[str]]] = {
    "clock": frozenset({"hours", "minutes", "seconds"}),
    "span": frozenset({"start", "end"}),
    "hours": frozenset({"hours", "minutes"}),
    "minutes": frozenset({"minutes", "seconds"}),
    "seconds": frozenset({"seconds"}),
    "decimal_mark": frozenset(),
    "confidence": frozenset({"grade", "value"}),
}
"""Formats of times and numbers, and what may stand in each."""

SENTENCES: Final[dict[str, frozenset[str]]] = {
    "video": frozenset({"length"}),
    "in_body": frozenset({"count", "length", "times"}),
    "in_body_never": frozenset(),
    "in_body_unchecked": frozenset(),
    "shown": frozenset({"length"}),
    "procedure_observed": frozenset({"procedure", "confidence"}),
    "procedure_given": frozenset({"procedure"}),
    "phases_settled": frozenset(),
    "phases_online": frozenset(),
    "phase": frozenset({"phase", "count", "times", "length", "confidence"}),
    "step": frozenset({"step", "count", "times", "length", "confidence"}),
    "instrument": frozenset({"instrument", "count", "length", "start", "end", "confidence"}),
    "action": frozenset(
        {"instrument", "verb", "target", "count", "length", "start", "end", "confidence"}
    ),
    "action_name": frozenset({"instrument", "verb", "target"}),
    "brief": frozenset({"count", "length"}),
    "corrected": frozenset({"times", "before", "after"}),
    "corrected_away": frozenset({"times", "before"}),
    "corrected_over": frozenset({"by", "after"}),
    "corrected_away_over": frozenset({"by"}),
    "gap": frozenset({"start", "end", "length", "cause"}),
    "jump": frozenset({"start", "cause"}),
    "outside": frozenset({"count", "times", "length", "certain"}),
    "refused": frozenset({"stage", "why"}),
    "failed": frozenset({"stage", "count", "start", "why"}),
    "shed": frozenset({"stage", "count", "start", "rate", "full"}),
    "dropped": frozenset({"stage", "count", "cause"}),
    "model": frozenset({"stages", "trained_on", "calibration"}),
}
"""Sentences by what they say; one that counts may have forms for one and for any other number."""

TERMS: Final = (
    "procedure", "phase", "step", "instrument", "verb", "target", "stage", "cause",
)  # fmt: skip
"""Kinds of terms that a template translates; one that it leaves out keeps its own name."""

FINDINGS: Final = (
    "video", "procedure", "phases", "steps", "instruments", "actions", "interruptions", "models",
)  # fmt: skip
"""What a field may show of the log."""
