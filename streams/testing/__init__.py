"""Made videos with known content, for tests and the demo."""

from videoengine.streams.testing.tissue_clip import Span, TissueClip, tissue_clip

__all__ = ["Span", "TissueClip", "tissue_clip"]
