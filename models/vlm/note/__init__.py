"""The note: what the log and the people who were there say of an operation, as a document."""

from videoengine.models.vlm.note.compose import compose
from videoengine.models.vlm.note.document import (
    Note,
    NoteField,
    NoteSection,
    Rest,
    Signature,
    Statement,
)
from videoengine.models.vlm.note.markdown import to_markdown
from videoengine.models.vlm.note.source import NoteLog, read_note_log
from videoengine.models.vlm.note.template import Template, load_template, template_names

__all__ = [
    "Note",
    "NoteField",
    "NoteLog",
    "NoteSection",
    "Rest",
    "Signature",
    "Statement",
    "Template",
    "compose",
    "load_template",
    "read_note_log",
    "template_names",
    "to_markdown",
]
