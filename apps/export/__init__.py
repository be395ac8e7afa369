"""Exports: what may leave a case, in formats that others read."""

from videoengine.apps.export.formats import FORMATS, Exported, export
from videoengine.apps.export.request import Format, Request

__all__ = ["FORMATS", "Exported", "Format", "Request", "export"]
