"""Terms of published terminologies for what this project names in words of its own."""

from __future__ import annotations

from typing import Final

SNOMED_PROCEDURES: Final = {
    "cholecystectomy": ("38102005", "Cholecystectomy"),
    "colonoscopy": ("73761001", "Colonoscopy"),
}
"""Name in `videoengine/procedure@1` to the code and display of SNOMED CT."""
