from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

def built_with_cuda() -> bool: ...
def instruction_set() -> str: ...
def color_conversion(
    planes: Sequence[NDArray[Any]],
    out: NDArray[Any],
    layout: str,
    bit_depth: int,
    matrix: str,
    full_range: bool,
) -> None: ...

FRAME_STATISTICS_LENGTH: int

def frame_statistics(
    planes: Sequence[Any],
    out: Any,
    layout: str,
    bit_depth: int,
    full_range: bool,
    instruction_set: str = "best",
    stream: int = 0,
) -> None: ...
