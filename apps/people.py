"""`report`: what people know and video does not, appended to the log of a finished case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.apps.statements import state
from videoengine.case import Case
from videoengine.errors import UsageError, nearest
from videoengine.events import Draft
from videoengine.models.vlm.note.people import check_name, check_value, entries
from videoengine.models.vlm.note.source import SPOKEN
from videoengine.models.vlm.note.template import Template, load_template
from videoengine.payloads import CorrectionPayload, ReportedPayload
from videoengine.timeline import closed_runs

PEOPLE: Final = "people"
"""Stage of everything that people state."""
WITHDRAWN: Final = {"withdrawn": True}
"""The change by which a person takes back what they said."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What was appended."""

    case: Path
    reported: tuple[str, ...]
    """Fields that something was reported about."""
    withdrawn: tuple[str, ...]
    """Fields of which the person took back what they had said."""
    events: tuple[str, ...]
    """Keys."""


def report(
    case: str | Path,
    assignments: Sequence[str],
    *,
    by: str | None,
    template: str | Path = "en",
) -> Reported:
    """Append what a person reports; `FIELD=` takes back all they said about a field.

    Args:
        case: A finished case.
        assignments: `FIELD=VALUE`, each a field of the template.
        by: Who says so.
        template: Name of a template, or a `.toml` file.

    Raises:
        UsageError: No such field, nothing to take back, or text that cannot stand in a note.
        CaseError: The analysis has not finished, or another process writes the case.
    """
    name = check_name(by)
    chosen = load_template(template)
    said = [_assignment(text, chosen) for text in assignments]
    if not said:
        raise UsageError("Nothing is reported", got="no FIELD=VALUE", allowed="FIELD=VALUE …")
    with Case.open_for_writing(case) as opened:
        closed_runs(opened.events("run"))
        standing = [entry for entry in entries(opened.events(*SPOKEN)) if entry.by == name]
        drafts: list[Draft] = []
        for field, value in said:
            if value:
                drafts.append(Draft("reported", ReportedPayload(field, value, name)))
                continue
            own = [entry for entry in standing if entry.field == field]
            if not own:
                raise UsageError(
                    f"{name} has reported nothing about {field}", got=f"{field}=",
                    allowed="to take back what one has said oneself",
                )  # fmt: skip
            drafts += [
                Draft("correction", CorrectionPayload(entry.event, dict(WITHDRAWN), name))
                for entry in own
            ]
        logged = state(opened, drafts, stage=PEOPLE)
        return Reported(
            opened.path,
            tuple(field for field, value in said if value),
            tuple(field for field, value in said if not value),
            tuple(event.key for event in logged),
        )


def _assignment(text: str, template: Template) -> tuple[str, str]:
    """Return field and value of `FIELD=VALUE`."""
    field, equals, value = text.partition("=")
    names = [plan.name for plan in template.fields]
    if not equals:
        raise UsageError(
            "This reports nothing", got=repr(text[:80]), allowed="FIELD=VALUE",
            remedy="FIELD= takes back what you reported about it.",
        )  # fmt: skip
    if field.strip() not in names:
        raise UsageError(
            "The note has no such field", got=repr(field[:80]), allowed=", ".join(names),
            remedy=nearest(field.strip()[:80], names),
        )  # fmt: skip
    return field.strip(), check_value(field.strip(), value)
