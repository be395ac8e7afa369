"""The report: one self-contained page about a case."""

from videoengine.apps.report.page import write_report

__all__ = ["write_report"]
