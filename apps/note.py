"""`note`: the operation note of a case, drafted from its log, edited and signed by people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine import durable
from videoengine.apps.people import PEOPLE, WITHDRAWN
from videoengine.apps.statements import state
from videoengine.case import Case
from videoengine.errors import CaseError, OutputError, UsageError
from videoengine.events import Draft
from videoengine.models.vlm.note.compose import EDITED, SIGNED, compose
from videoengine.models.vlm.note.corrected import SUBJECT
from videoengine.models.vlm.note.document import Note, State
from videoengine.models.vlm.note.edit import LARGEST_BYTES, Change, changes, written
from videoengine.models.vlm.note.html import to_html
from videoengine.models.vlm.note.markdown import to_markdown
from videoengine.models.vlm.note.people import check_name, check_value
from videoengine.models.vlm.note.source import NoteLog, read_note_log
from videoengine.models.vlm.note.template import Template, load_template, template_names
from videoengine.payloads import CorrectionPayload, NotePayload, ReportedPayload, SignaturePayload

FILE: Final = "note.md"
DEFAULT: Final = "en"
WRITERS: Final = {".md": to_markdown, ".html": to_html}
STATES: Final[tuple[State, ...]] = ("draft", "edited", "signed", "outdated")


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A note and where it was written."""

    out: Path
    note: Note
    changed: tuple[str, ...]
    """Fields of which an edit changed something."""


def note(case: Case | str | Path, *, template: str | Path | None = None) -> Note:
    """Return the note of a finished case; nothing is written.

    Args:
        case: A case, or its directory.
        template: `en`, `de`, `es` or a `.toml` file; by default that of the newest edit or
            signature, or `en`.

    Raises:
        CaseError: The analysis has not finished, or the log is damaged.
        UsageError: There is no such template, or it is not one.
    """
    log = read_note_log(case if isinstance(case, Case) else Case.open(case))
    return compose(log, _template(log, template))


def write_note(
    case: str | Path,
    *,
    template: str | Path | None = None,
    out: str | Path | None = None,
    edit: str | Path | None = None,
    sign: bool = False,
    by: str | None = None,
) -> WrittenNote:
    """Write the note of a case, after what a person changed in it or signs.

    Args:
        case: A finished case.
        template: As of `note`; of an edit or a signature by default that of the file.
        out: An `.md` or `.html` file that does not exist; by default `note.md` in the case.
        edit: The note's Markdown as a person changed it.
        sign: Whether `by` signs what `note.md` says.
        by: Who edits or signs.

    Raises:
        UsageError: The edited file or the call is not as it must be; nothing is logged then.
        CaseError: The analysis has not finished, or another process writes the case.
        OutputError: The target stands already, or `note.md` was changed by hand.
    """
    name = check_name(by) if edit is not None or sign else ""
    if by is not None and not name:
        raise UsageError("Nobody edits or signs", got="--by", allowed="--by with --edit or --sign")
    folder = Case.open(case).path
    target = _target(folder, out)
    if not name:
        opened = Case.open(case)
        made = note(opened, template=template)
        _refuse_loss(opened.path / FILE, made, target)
        return _write(target, made, ())
    with Case.open_for_writing(case) as opened:
        log = read_note_log(opened)
        chosen = _template(log, template or _written_with(edit or opened.path / FILE))
        made = compose(log, chosen)
        changed: tuple[str, ...] = ()
        if edit is not None:
            made, changed = _edit(opened, made, chosen, Path(edit), name)
        else:
            _refuse_loss(opened.path / FILE, made, target)
        if sign:
            made = _sign(opened, made, chosen, name, read=edit is not None)
        return _write(target, made, changed)


def _template(log: NoteLog, template: str | Path | None) -> Template:
    """Return the template asked for, or the one that people last worked with."""
    if template is not None:
        return load_template(template)
    newest: str | None = None
    for event in log.spoken:
        value = event.payload.get("value") if event.kind == "note" else None
        if isinstance(value, dict) and isinstance(value.get("template"), str):
            newest = value["template"]
    if newest is None:
        return load_template(DEFAULT)
    for name in template_names():
        if load_template(name).id == newest:
            return load_template(name)
    raise UsageError(
        "The note was edited or signed with a template that does not ship with videoengine",
        got=newest, allowed="--template FILE",
        remedy=f"Name its file, or one of {', '.join(template_names())}.",
    )  # fmt: skip


def _written_with(path: str | Path) -> str | None:
    """Return the shipped template that a note's file was written with, or None."""
    last = written(_read(Path(path))) if Path(path).is_file() else None
    names = [name for name in template_names() if last and load_template(name).id == last.template]
    return names[0] if names else None


def _target(folder: Path, out: str | Path | None) -> Path:
    if out is None:
        return folder / FILE
    path = Path(out)
    if path.suffix.lower() not in WRITERS:
        raise UsageError(
            "A note is not written in this format", got=repr(path.name),
            allowed=" or ".join(WRITERS),
            remedy="Other formats: videoengine export CASE --to FORMAT.",
        )  # fmt: skip
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path} exists already", allowed="a path that does not exist yet")
    return path


def _refuse_loss(standing: Path, made: Note, target: Path) -> None:
    """Refuse to write over a `note.md` that somebody changed by hand."""
    if target == standing and standing.exists() and _is_changed(_read(standing), made):
        raise OutputError(
            f"{standing} was changed by hand: it is not what the log says",
            allowed="the file as it was written",
            remedy=f"Bring the change in: videoengine note CASE --edit {standing} --by NAME; "
            "or delete the file.",
        )


def _is_changed(text: str, made: Note) -> bool:
    """Tell whether a file is not one that was written from this log as it is or was."""
    last = written(text)
    if last is None or not last.untouched:
        return True
    if (last.sha256, last.template) != (made.sha256, made.template):
        return False  # written from another content, and whole
    versions = (
        dataclasses.replace(made, state=one, signatures=made.signatures[:count])
        for one in STATES
        for count in range(len(made.signatures) + 1)
    )
    return all(to_markdown(version) != text for version in versions)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is too large for a note", got=f"{path.stat().st_size} bytes",
                             allowed=f"{LARGEST_BYTES} bytes")  # fmt: skip
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read", got=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text", got=error.reason, allowed="UTF-8") from error


def _edit(
    case: Case, made: Note, template: Template, path: Path, by: str
) -> tuple[Note, tuple[str, ...]]:
    """Log what a person changed; return the note as it is then, and the fields."""
    found = changes(made, _read(path))
    if not found:
        return made, ()
    drafts = [draft for change in found for draft in _drafts(change, by)]
    value = {"by": by, "template": template.id, "from": made.sha256}
    drafts.append(Draft("note", NotePayload(EDITED, value, "reported")))
    state(case, drafts, stage=PEOPLE)
    fields = tuple(dict.fromkeys(change.field for change in found))
    return compose(read_note_log(case), template), fields


def _drafts(change: Change, by: str) -> Iterator[Draft]:
    """Yield what goes into the log for one changed statement."""
    was, text = change.before, check_value(change.field, change.text)
    if was is None or (was.status == "reported" and was.by != by):
        if not text:
            assert was is not None
            raise UsageError(
                f"What {was.by} said about {change.field} was taken out", got=f"--by {by!r}",
                allowed=f"{was.by} alone may take it back",
                remedy="Put it back, and add an item that says what you say.",
            )  # fmt: skip
        yield Draft("reported", ReportedPayload(change.field, text, by))
    elif was.status == "observed":
        row = {"field": change.field, "subject": was.subject, "from": was.text, "value": text}
        yield Draft("correction", CorrectionPayload(was.rests[0].events[0], row, by))
    else:
        assert was.event is not None
        if text and (was.subject or "").startswith(SUBJECT):
            raise UsageError(
                f"The correction of an event was changed as text in {change.field}",
                got=repr(text[:60]), allowed="the item as it is, or none",
                remedy="Say it anew: videoengine report CASE --correct KEY label=TERM --by NAME",
            )  # fmt: skip
        said: dict[str, Any] = {"value": text} if text else dict(WITHDRAWN)
        yield Draft("correction", CorrectionPayload(was.event, said, by))


def _sign(case: Case, made: Note, template: Template, by: str, *, read: bool) -> Note:
    """Log a signature under what `note.md` says now, which the signer can have read."""
    standing = case.path / FILE
    shown = written(_read(standing)) if standing.is_file() else None
    if not read and (shown is None or shown.sha256 != made.sha256):
        raise UsageError(
            "What would be signed has not been written for anybody to read",
            got="no note.md" if shown is None else "note.md of another content or template",
            allowed="a note.md that says what the log says now",
            remedy=f"Run videoengine note {case.path}, read {standing}, then sign.",
        )
    if any(one.by == by and one.sha256 == made.sha256 for one in made.signatures):
        raise UsageError(f"{by} has signed this note already", got=made.sha256[:12],
                         allowed="one signature of a person")  # fmt: skip
    value = {"by": by, "template": template.id, "sha256": made.sha256}
    drafts = [
        Draft("note", NotePayload(SIGNED, value, "reported")),
        Draft("signature", SignaturePayload(made.sha256, by)),
    ]
    state(case, drafts, stage=PEOPLE)
    signed = compose(read_note_log(case), template)
    if signed.sha256 != made.sha256:
        raise CaseError("The note changed while it was signed", got=signed.sha256[:12])
    return signed


def _write(target: Path, made: Note, changed: tuple[str, ...]) -> WrittenNote:
    text = WRITERS[target.suffix.lower()](made)
    durable.replace(target, text.encode())
    return WrittenNote(target, made, changed)
