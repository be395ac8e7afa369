"""Labels of a simulated procedure in the formats the field reads."""

from videoengine.recon3d.simulator.labels.writer import (
    FORMATS,
    LabelWriter,
    arrays_of,
    write_plan_labels,
)

__all__ = ["FORMATS", "LabelWriter", "arrays_of", "write_plan_labels"]
