"""What is read from frozen features: nearest neighbours, linear maps, attention over patches."""

from videoengine.models.readouts.feature_cache import FeatureCache, cache_key
from videoengine.models.readouts.nearest import NearestNeighbours
from videoengine.models.readouts.ridge import LogisticReadout, RidgeReadout

__all__ = [
    "FeatureCache",
    "LogisticReadout",
    "NearestNeighbours",
    "RidgeReadout",
    "cache_key",
]
