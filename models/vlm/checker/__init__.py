"""The checker: marks each claim of a text about a case as supported, contradicted or unsupported.

A claim is supported only when every word of it was accounted for and the log says the same. What
is not read to the last word is unsupported, however likely it sounds.
"""

from videoengine.models.vlm.checker.check import Checker
from videoengine.models.vlm.checker.verdicts import Checked, Identity, Judged, Verdict

__all__ = ["Checked", "Checker", "Identity", "Judged", "Verdict"]
