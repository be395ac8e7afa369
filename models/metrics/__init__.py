"""Scores of workflow recognition, as the field computes them; NumPy only, everything in 0 to 1."""

from videoengine.models.metrics.average_precision import (
    average_precision,
    class_average_precision,
    mean_ap,
    tool_presence_ap,
)
from videoengine.models.metrics.bootstrap import (
    Interval,
    PairedComparison,
    bootstrap,
    compare,
    mean_interval,
)
from videoengine.models.metrics.boxes import BoxSet, box_iou
from videoengine.models.metrics.calibration import Reliability, reliability, top_label_reliability
from videoengine.models.metrics.causality import Pace, look_ahead, pace_of
from videoengine.models.metrics.confusion import METRICS, confusion_matrix, macro_f1
from videoengine.models.metrics.detection import COCO_THRESHOLDS, detection_ap
from videoengine.models.metrics.frame_labels import NOTHING, LabelledVideo
from videoengine.models.metrics.masks import MaskTally
from videoengine.models.metrics.phases import Average, PhaseTable, phase_table, pooled_scores
from videoengine.models.metrics.pitvis import (
    InstrumentScore,
    StepScore,
    instrument_score,
    step_score,
)
from videoengine.models.metrics.relaxed_boundary import BOUNDARIES
from videoengine.models.metrics.segments import OVERLAPS, edit_score, segmental_f1, segments_of
from videoengine.models.metrics.significance import holm, mcnemar
from videoengine.models.metrics.temporal_detection import (
    Stretches,
    temporal_ap,
    temporal_grounding,
)
from videoengine.models.metrics.triplet_detection import triplet_detection
from videoengine.models.metrics.triplets import (
    COMPONENTS,
    TripletClasses,
    TripletVideo,
    global_ap,
    top_k,
    video_ap,
)

__all__ = [
    "BOUNDARIES",
    "COCO_THRESHOLDS",
    "COMPONENTS",
    "METRICS",
    "NOTHING",
    "OVERLAPS",
    "Average",
    "BoxSet",
    "InstrumentScore",
    "Interval",
    "LabelledVideo",
    "MaskTally",
    "Pace",
    "PairedComparison",
    "PhaseTable",
    "Reliability",
    "StepScore",
    "Stretches",
    "TripletClasses",
    "TripletVideo",
    "average_precision",
    "bootstrap",
    "box_iou",
    "class_average_precision",
    "compare",
    "confusion_matrix",
    "detection_ap",
    "edit_score",
    "global_ap",
    "holm",
    "instrument_score",
    "look_ahead",
    "macro_f1",
    "mcnemar",
    "mean_ap",
    "mean_interval",
    "pace_of",
    "phase_table",
    "pooled_scores",
    "reliability",
    "segmental_f1",
    "segments_of",
    "step_score",
    "temporal_ap",
    "temporal_grounding",
    "tool_presence_ap",
    "top_k",
    "top_label_reliability",
    "triplet_detection",
    "video_ap",
]
