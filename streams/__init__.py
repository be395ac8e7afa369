"""Video in: files, image folders and live feeds, stamps as the stream has them."""

from videoengine.streams.decoder import Decoder, OpenDecoder, Picture, VideoInfo
from videoengine.streams.live_config import LiveConfig
from videoengine.streams.live_source import LiveSource, open_live
from videoengine.streams.open_source import open_source
from videoengine.streams.paced_source import PacedSource
from videoengine.streams.recorded_source import RecordedSource

__all__ = [
    "Decoder",
    "LiveConfig",
    "LiveSource",
    "OpenDecoder",
    "PacedSource",
    "Picture",
    "RecordedSource",
    "VideoInfo",
    "open_live",
    "open_source",
]
