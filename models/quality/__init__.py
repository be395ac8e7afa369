"""Picture quality and the privacy rule, without learned weights, on one native pass."""

from videoengine.models.quality.frame_statistics import Channel, FrameStatistics, statistics_of
from videoengine.models.quality.privacy import PrivacyStage
from videoengine.models.quality.quality import QualityStage

__all__ = ["Channel", "FrameStatistics", "PrivacyStage", "QualityStage", "statistics_of"]
