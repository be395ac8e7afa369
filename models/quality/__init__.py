"""Picture quality and privacy on one native pass: by rules, alone or beside a learned network."""

from videoengine.models.quality.frame_statistics import Channel, FrameStatistics, statistics_of
from videoengine.models.quality.learned_stages import LearnedPrivacyStage, LearnedQualityStage
from videoengine.models.quality.privacy import PrivacyStage
from videoengine.models.quality.quality import QualityStage

__all__ = [
    "Channel",
    "FrameStatistics",
    "LearnedPrivacyStage",
    "LearnedQualityStage",
    "PrivacyStage",
    "QualityStage",
    "statistics_of",
]
