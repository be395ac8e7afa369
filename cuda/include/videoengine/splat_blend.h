// One splat upon one pixel, forward and backward; both go from the nearest splat to the farthest.
//
// The way back needs no stored weights: with g the loss of a pixel's sums, v = g . value and `left` what
// g says of everything behind, d(loss)/d(alpha) = v T - left / (1 - alpha), and `left` is the whole less
// what has been passed. A pixel that has ended keeps its transmittance with a minus sign.
#pragma once

#include "videoengine/splat.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

// For a number; a vector of them brings its own.
template <class S>
VIDEOENGINE_HD S select(bool where, S a, S b) { return where ? a : b; }
VIDEOENGINE_HD float at_most(float a, float b) { return math::minimum(a, b); }
VIDEOENGINE_HD double at_most(double a, double b) { return math::minimum(a, b); }
VIDEOENGINE_HD float at_least(float a, float b) { return math::maximum(a, b); }
VIDEOENGINE_HD double at_least(double a, double b) { return math::maximum(a, b); }
VIDEOENGINE_HD float magnitude(float a) { return math::magnitude(a); }
VIDEOENGINE_HD double magnitude(double a) { return math::magnitude(a); }
VIDEOENGINE_HD float below_zero(float a) { return -math::magnitude(a); }
VIDEOENGINE_HD double below_zero(double a) { return -math::magnitude(a); }
VIDEOENGINE_HD float bounded_power_of_two(float x) { return math::bounded_power_of_two(x); }
VIDEOENGINE_HD double bounded_power_of_two(double x) { return math::bounded_power_of_two(x); }

// L below is a scalar S, or a vector of pixels.
template <class L>
struct Cover {
  L alpha;  // 0 where the splat is passed over
  L raw;    // before alpha_max
};

template <class S, class L>
VIDEOENGINE_HD L quadratic_of(const Splat<S>& s, L dx, L dy) {
  return (s.a * dx + s.b * dy) * dx + s.c * dy * dy;
}

template <class S, class L>
VIDEOENGINE_HD Cover<L> cover_at(const Splat<S>& s, const Rules<S>& rules, L q) {
  const L raw = bounded_power_of_two(at_least(s.level - q, S(-120)));  // a level is at most 0
  const auto seen = (q >= S(0)) & (raw >= rules.alpha_min);
  return {select(seen, at_most(raw, rules.alpha_max), L(S(0))), raw};
}

template <class S, class L>
VIDEOENGINE_HD Cover<L> cover_of(const Splat<S>& s, const Rules<S>& rules, L dx, L dy) {
  return cover_at(s, rules, quadratic_of(s, dx, dy));
}

// The least level, less the quadratic, that may still cover alpha_min: the errors of log2 and 2^x are off.
template <class S>
VIDEOENGINE_HD S faintest_level(const Rules<S>& rules) {
  return math::log_two(rules.alpha_min) - S(4e-6);
}

// What a splat adds to a pixel with transmittance `light`, which it moves on.
template <class S, class L>
VIDEOENGINE_HD L weight_of(const Cover<L>& cover, const Rules<S>& rules, L& light) {
  const L next = light * (S(1) - cover.alpha);
  const auto ends = next <= rules.light_min;  // and what has ended ends again
  const L weight = select(ends, L(S(0)), cover.alpha * light);
  light = select(ends, below_zero(light), next);
  return weight;
}

// What the loss says of (level - quadratic), after `left` has been moved on past this splat.
template <class S, class L>
VIDEOENGINE_HD L exponent_back(const Cover<L>& cover, const Rules<S>& rules, L weight, L light_before, L value,
                               L left) {
  const L alpha = value * light_before - left / (S(1) - cover.alpha);
  const auto counts = (weight > S(0)) & (cover.raw < rules.alpha_max);
  return select(counts, alpha * cover.alpha * ln_of_2<S>(), L(S(0)));
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
