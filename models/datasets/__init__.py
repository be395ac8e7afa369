"""Annotated datasets as sources with `truth`, each read as it is published."""

from videoengine.models.datasets.annotated_source import AnnotatedSource
from videoengine.models.datasets.dataset_video import DatasetVideo
from videoengine.models.datasets.readers import READERS, list_videos, open_dataset

__all__ = ["READERS", "AnnotatedSource", "DatasetVideo", "list_videos", "open_dataset"]
