// Which tiles a splat may touch: conservative, so that leaving out the others changes no bit.
#pragma once

#include "videoengine/splat.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

VIDEOENGINE_HD float rounding(float) { return 6e-8f; }
VIDEOENGINE_HD double rounding(double) { return 1.2e-16; }

// How large the quadratic of a splat may be where it still covers alpha_min, errors of log2 and 2^x
// included.
template <class S>
VIDEOENGINE_HD S room_of(const Splat<S>& s, const Rules<S>& rules) {
  return math::maximum(s.level - math::log_two(rules.alpha_min), S(0)) + S(4e-6);
}

// By how much rounding may lower the quadratic of a splat within these distances of its center: its
// terms may be far larger than their sum.
template <class S>
VIDEOENGINE_HD S slack_of(const Splat<S>& s, S x, S y) {
  return S(16) * rounding(S(0)) * (s.a * x * x + math::magnitude(s.b) * x * y + s.c * y * y);
}

// The least of a x^2 + b x y + c y^2 over y in [low, high].
template <class S>
VIDEOENGINE_HD S least_across(S a, S b, S c, S x, S low, S high) {
  const S y = math::clamp(-b * x / (S(2) * c), low, high);
  return (a * x + b * y) * x + c * y * y;
}

// Whether a splat may reach alpha_min at a pixel of the rectangle of centers [left, right] x [top, bottom].
template <class S>
VIDEOENGINE_HD bool may_touch(const Splat<S>& s, const Rules<S>& rules, S left, S right, S top, S bottom) {
  const S x0 = left - s.x, x1 = right - s.x, y0 = top - s.y, y1 = bottom - s.y;
  const bool inside_x = x0 <= S(0) && x1 >= S(0), inside_y = y0 <= S(0) && y1 >= S(0);
  if (inside_x && inside_y) return true;
  // the least lies on a side that faces the center
  S least = S(1e30);
  if (!inside_x) least = least_across(s.a, s.b, s.c, x0 > S(0) ? x0 : x1, y0, y1);
  if (!inside_y) least = math::minimum(least, least_across(s.c, s.b, s.a, y0 > S(0) ? y0 : y1, x0, x1));
  const S far_x = math::maximum(math::magnitude(x0), math::magnitude(x1));
  const S far_y = math::maximum(math::magnitude(y0), math::magnitude(y1));
  return least <= room_of(s, rules) + slack_of(s, far_x, far_y);
}

struct Range {
  int first, last;  // both included; none when last < first
};

// Of cells of `side` pixels, those that [center - reach, center + reach] meets, out of `count`.
template <class S>
VIDEOENGINE_HD Range cells_of(S center, S reach, int origin, int side, int count) {
  const S low = math::clamp(center - reach - S(origin), S(-1), S(side * count));
  const S high = math::clamp(center + reach - S(origin), S(-1), S(side * count));
  const int first = static_cast<int>(math::maximum(low, S(0))) / side;
  const int last = high < S(0) ? -1 : static_cast<int>(high) / side;
  return {first, last < count ? last : count - 1};
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
