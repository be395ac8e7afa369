"""Imports: what people annotated elsewhere, brought back into a case."""

from videoengine.apps.importing.importer import READERS, Imported, import_annotations

__all__ = ["READERS", "Imported", "import_annotations"]
