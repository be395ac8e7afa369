"""Made videos with known content and a camera that fails on demand, for tests."""

from videoengine.streams.testing.rtsp_server import RtspServer
from videoengine.streams.testing.tissue_clip import Span, TissueClip, tissue_clip

__all__ = ["RtspServer", "Span", "TissueClip", "tissue_clip"]
