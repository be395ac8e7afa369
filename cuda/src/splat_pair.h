// Two pixels that one lane of a warp blends, computed as one: every operation is the scalar one, twice.
#pragma once

#include "splat_device_platform.h"
#include "videoengine/splat_blend.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

struct Pair {
  float a, b;

  Pair() = default;
  VIDEOENGINE_HD Pair(float both) : a(both), b(both) {}  // NOLINT: a number is both alike
  VIDEOENGINE_HD Pair(float first, float second) : a(first), b(second) {}
};

struct PairMask {
  bool a, b;
};

#define VIDEOENGINE_PAIR_OPERATOR(op)                                                              \
  VIDEOENGINE_HD Pair operator op(Pair x, Pair y) { return {x.a op y.a, x.b op y.b}; }             \
  VIDEOENGINE_HD Pair operator op(float x, Pair y) { return {x op y.a, x op y.b}; }                \
  VIDEOENGINE_HD Pair operator op(Pair x, float y) { return {x.a op y, x.b op y}; }
VIDEOENGINE_PAIR_OPERATOR(+)
VIDEOENGINE_PAIR_OPERATOR(-)
VIDEOENGINE_PAIR_OPERATOR(*)
#undef VIDEOENGINE_PAIR_OPERATOR

#define VIDEOENGINE_PAIR_COMPARISON(op) \
  VIDEOENGINE_HD PairMask operator op(Pair x, float y) { return {x.a op y, x.b op y}; }
VIDEOENGINE_PAIR_COMPARISON(<)
VIDEOENGINE_PAIR_COMPARISON(>)
VIDEOENGINE_PAIR_COMPARISON(<=)
VIDEOENGINE_PAIR_COMPARISON(>=)
#undef VIDEOENGINE_PAIR_COMPARISON

VIDEOENGINE_HD PairMask operator&(PairMask x, PairMask y) { return {x.a && y.a, x.b && y.b}; }
VIDEOENGINE_HD Pair operator/(Pair x, Pair y) { return {device::quotient(x.a, y.a), device::quotient(x.b, y.b)}; }
VIDEOENGINE_HD bool either(PairMask x) { return x.a || x.b; }
VIDEOENGINE_HD Pair select(PairMask where, Pair x, Pair y) { return {where.a ? x.a : y.a, where.b ? x.b : y.b}; }
VIDEOENGINE_HD Pair at_most(Pair x, float y) { return {at_most(x.a, y), at_most(x.b, y)}; }
VIDEOENGINE_HD Pair below_zero(Pair x) { return {below_zero(x.a), below_zero(x.b)}; }
VIDEOENGINE_HD Pair at_least(Pair x, float y) { return {at_least(x.a, y), at_least(x.b, y)}; }
VIDEOENGINE_HD Pair magnitude(Pair x) { return {magnitude(x.a), magnitude(x.b)}; }
VIDEOENGINE_HD float both(Pair x) { return x.a + x.b; }

VIDEOENGINE_HD Pair bounded_power_of_two(Pair x) {
  return {device::power_of_two(x.a), device::power_of_two(x.b)};
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
