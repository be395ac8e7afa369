"""Video in: files and image folders behind one protocol, stamps as the stream has them."""

from videoengine.streams.decoder import Decoder, OpenDecoder, Picture, VideoInfo
from videoengine.streams.open_source import open_source
from videoengine.streams.recorded_source import RecordedSource

__all__ = [
    "Decoder",
    "OpenDecoder",
    "Picture",
    "RecordedSource",
    "VideoInfo",
    "open_source",
]
