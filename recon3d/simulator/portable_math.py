"""Sine, cosine, exponential, logarithm and arc tangent with the same bits on every machine.

The library functions of C and NumPy differ in the last bit between machines and builds, so a label
that rests on one could too. These use only operations that IEEE 754 fixes: + − × ÷, square root,
rounding to an integer and scaling by a power of two. Each takes a float or a float64 array and
gives the same bits for both. They are within 1e-15 of the truth, relative to the result or to 1.
"""

from __future__ import annotations

import math
from typing import Any, Final, cast, overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PI: Final = math.pi
TAU: Final = 2.0 * math.pi

# π/2 and ln 2 in parts whose low bits are zero: a part times a count below 2^20 is exact, so the
# reduction loses nothing.
_HALF_PI: Final = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
_LN2: Final = (0.6931471803691238, 1.9082149292705877e-10)
_LN2_WHOLE: Final = 0.6931471805599453
_SQRT_HALF: Final = 0.7071067811865476

# Taylor series, highest power first; the first term left out is below 1e-17 in the reduced range.
_SINE: Final = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, 0, -1))
_COSINE: Final = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(8, 0, -1))
_EXPONENTIAL: Final = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))
_AREA_TANGENT: Final = tuple(1.0 / (2 * k + 1) for k in range(11, 0, -1))
_ARC_TANGENT: Final = tuple((-1.0) ** k / (2 * k + 1) for k in range(12, 0, -1))


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Evaluate by Horner's rule; the last coefficient multiplies `x` once."""
    total = coefficients[0] * x
    for coefficient in coefficients[1:]:
        total = (total + coefficient) * x
    return total


@overload
def sincos(angle_rad: float) -> tuple[float, float]: ...
@overload
def sincos(angle_rad: Array) -> tuple[Array, Array]: ...
def sincos(angle_rad: Any) -> tuple[Any, Any]:
    """Return sine and cosine of an angle of at most 10^6 rad."""
    array = isinstance(angle_rad, np.ndarray)
    ratio = angle_rad * (2.0 / PI)
    quarters = np.rint(ratio) if array else float(round(ratio))
    rest = angle_rad - quarters * _HALF_PI[0] - quarters * _HALF_PI[1] - quarters * _HALF_PI[2]
    square = rest * rest
    sine = rest + rest * _polynomial(_SINE, square)
    cosine = 1.0 + _polynomial(_COSINE, square)
    floor = np.floor(quarters * 0.25) if array else float(math.floor(quarters * 0.25))
    turn = quarters - 4.0 * floor
    if not array:
        table = ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))
        return table[int(turn)]
    odd = (turn == 1.0) | (turn == 3.0)
    sine, cosine = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    return (
        np.where(turn >= 2.0, -sine, sine),
        np.where((turn == 1.0) | (turn == 2.0), -cosine, cosine),
    )


@overload
def sin(angle_rad: float) -> float: ...
@overload
def sin(angle_rad: Array) -> Array: ...
def sin(angle_rad: Any) -> Any:
    """Return the sine of an angle of at most 10^6 rad."""
    return sincos(angle_rad)[0]


@overload
def cos(angle_rad: float) -> float: ...
@overload
def cos(angle_rad: Array) -> Array: ...
def cos(angle_rad: Any) -> Any:
    """Return the cosine of an angle of at most 10^6 rad."""
    return sincos(angle_rad)[1]


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Array) -> Array: ...
def exp(x: Any) -> Any:
    """Return e to the power `x`, for `x` between −700 and 700."""
    array = isinstance(x, np.ndarray)
    ratio: Any = x / _LN2_WHOLE
    count: Any = np.rint(ratio) if array else float(round(ratio))
    rest = x - count * _LN2[0] - count * _LN2[1]
    value = 1.0 + (rest + rest * _polynomial(_EXPONENTIAL, rest))
    if array:
        return np.ldexp(value, count.astype(np.int32))
    return math.ldexp(value, int(count))


@overload
def log(x: float) -> float: ...
@overload
def log(x: Array) -> Array: ...
def log(x: Any) -> Any:
    """Return the natural logarithm of a positive number."""
    part: Any
    power: Any
    count: Any
    if isinstance(x, np.ndarray):
        part, power = np.frexp(x)
        low = part < _SQRT_HALF
        part = np.where(low, 2.0 * part, part)
        count = np.where(low, power - 1, power).astype(np.float64)
    else:
        part, power = math.frexp(x)
        count = float(power)
        if part < _SQRT_HALF:
            part, count = 2.0 * part, count - 1.0
    ratio = (part - 1.0) / (part + 1.0)
    double = ratio + ratio
    series = double + double * _polynomial(_AREA_TANGENT, ratio * ratio)
    return count * _LN2[0] + (series + count * _LN2[1])


@overload
def sqrt(x: float) -> float: ...
@overload
def sqrt(x: Array) -> Array: ...
def sqrt(x: Any) -> Any:
    """Return the square root, which IEEE 754 fixes to the last bit."""
    return np.sqrt(x) if isinstance(x, np.ndarray) else math.sqrt(x)


@overload
def atan2(y: float, x: float) -> float: ...
@overload
def atan2(y: Array, x: Array) -> Array: ...
def atan2(y: Any, x: Any) -> Any:
    """Return the angle in (−π, π] of the direction (x, y); 0 where both are 0."""
    if not isinstance(y, np.ndarray):
        both = atan2(np.array([y], np.float64), np.array([x], np.float64))
        return float(both[0])
    length = np.sqrt(x * x + y * y)
    # tan of half the angle; the branch keeps the denominator away from 0
    ahead = x >= 0.0
    below = np.where(ahead, length + x, y)
    half = np.where(ahead, y, length - x) / np.where(below == 0.0, 1.0, below)
    # beyond 45° take the reciprocal, then halve twice more
    steep = np.abs(half) > 1.0
    flat = np.where(steep, 1.0 / np.where(steep, half, 1.0), half)
    for _ in range(2):
        flat = flat / (1.0 + np.sqrt(1.0 + flat * flat))
    angle = 4.0 * (flat + flat * _polynomial(_ARC_TANGENT, flat * flat))
    quarter = np.where(half > 0.0, PI / 2.0, -PI / 2.0)
    angle = 2.0 * np.where(steep, quarter - angle, angle)
    straight_back = (y == 0.0) & (x < 0.0)
    return cast(Array, np.where(straight_back, PI, angle))


def smooth_step(x: Array) -> Array:
    """Return the minimum-jerk blend: 0 before 0, 1 after 1, at rest and unforced at both ends."""
    x = np.minimum(np.maximum(x, 0.0), 1.0)
    # rounding alone could lift it above 1
    return np.minimum(x * x * x * (10.0 + x * (6.0 * x - 15.0)), 1.0)
