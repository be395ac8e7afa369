"""Ids derived from what they name: the same thing has the same id, whenever it is written."""

from __future__ import annotations

import uuid
from typing import Final

NAMESPACE: Final = uuid.UUID("5a2f6d34-0a0e-5c8f-8d43-6a7c1b7c9e21")
"""Of all ids that this project derives."""


def derived_uuid(*parts: str) -> uuid.UUID:
    """Return the id of what the parts name."""
    return uuid.uuid5(NAMESPACE, "\n".join(parts))


def uid(*parts: str) -> str:
    """Return a DICOM UID of what the parts name (PS3.5 B.2: a UUID as a number)."""
    return f"2.25.{derived_uuid(*parts).int}"
