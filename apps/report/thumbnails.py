"""Pictures of the report: each one through the Gate, each one inside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final

from videoengine.apps.pictures import Moment, frames_at
from videoengine.apps.report.html import text
from videoengine.apps.source_record import LIVE
from videoengine.case import Case
from videoengine.errors import SourceError, UsageError
from videoengine.gate import Gate
from videoengine.streams.jpeg import JpegEncoder
from videoengine.streams.live_recording import QUARANTINE

SHORT_SIDE: Final = 160
"""Pixels of a thumbnail's shorter side."""
QUANTIZER: Final = 4


class Thumbnails:
    """Small pictures by stamp, as data URIs; a blanked frame is never among them."""

    def __init__(self, case: Case, gate: Gate, wanted: Iterable[Moment]) -> None:
        """Read the pictures in one go; without the source there are none, and `failure` says so."""
        self.failure = ""
        source = case.manifest.source
        live = source is not None and source.kind == LIVE
        self.none = live and not any((case.path / QUARANTINE).glob("*-*.*"))
        """There never can be one: nothing is said of it at every place."""
        if self.none:
            self.failure = "nothing of this live case is recorded, or it was purged"
            wanted = ()
        self._gate = gate
        self._pictures: dict[Moment, str] = {}
        encoder = JpegEncoder(QUANTIZER)
        try:
            for frame in frames_at(case, wanted):
                picture = gate.show(frame, SHORT_SIDE)
                if picture.blanked:
                    continue
                data = base64.b64encode(encoder.encode(picture.rgb)).decode("ascii")
                height, width = picture.rgb.shape[:2]
                self._pictures[Moment(frame.epoch, frame.pts_ns)] = (
                    f'src="data:image/jpeg;base64,{data}" width="{width}" height="{height}"'
                )
        except (SourceError, UsageError) as error:
            self.failure = error.what

    def figure(self, moment: Moment | None, caption: str, says: str) -> str:
        """Return a figure: the picture, or a labelled tile where there is none to show.

        Args:
            moment: Stamp of the frame, or None where nothing can be shown.
            caption: Text under it.
            says: What is seen, for those who do not see it.
        """
        below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
        if moment is None or not self._gate.allows(moment.epoch, moment.pts_ns):
            tile = '<div class="tile" role="img" aria-label="Hidden for privacy">Hidden</div>'
            return f"<figure>{tile}{below}</figure>"
        picture = self._pictures.get(moment)
        if picture is None:
            tile = '<div class="tile none" role="img" aria-label="No picture">No picture</div>'
            return f"<figure>{tile}{below}</figure>"
        return f'<figure><img {picture} alt="{text(says)}">{below}</figure>'
