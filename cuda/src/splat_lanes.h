// Sixteen numbers that are computed as one: a block of 4 x 4 pixels on a CPU.
//
// They fill as many registers as the instruction set needs (VIDEOENGINE_LANE_BYTES wide). Every operation
// is the scalar one, lane by lane, so a result is the same on every instruction set.
#pragma once

#include <type_traits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kLaneCount = 16;

template <class S>
struct Lanes {
  static constexpr int kWidth = VIDEOENGINE_LANE_BYTES < sizeof(S) ? 1 : VIDEOENGINE_LANE_BYTES / sizeof(S);
  static constexpr int kCount = kLaneCount / kWidth;
  typedef S Vector __attribute__((vector_size(kWidth * sizeof(S))));
  Vector v[kCount];

  Lanes() = default;
  Lanes(S value) {  // NOLINT: a number is all lanes alike
    for (int i = 0; i < kCount; ++i) v[i] = value - Vector{};
  }
  static Lanes load(const S* from) {
    Lanes out;
    memcpy(out.v, __builtin_assume_aligned(from, 64), sizeof out.v);
    return out;
  }
  void store(S* to) const { memcpy(__builtin_assume_aligned(to, 64), v, sizeof v); }
};

template <class S>
struct LaneMask {
  typedef decltype(typename Lanes<S>::Vector{} < typename Lanes<S>::Vector{}) Vector;
  Vector v[Lanes<S>::kCount];
};

#define VIDEOENGINE_LANE_OPERATOR(op)                                     \
  template <class S>                                                      \
  VIDEOENGINE_HD Lanes<S> operator op(const Lanes<S>& a, const Lanes<S>& b) { \
    Lanes<S> out;                                                         \
    for (int i = 0; i < Lanes<S>::kCount; ++i) out.v[i] = a.v[i] op b.v[i]; \
    return out;                                                           \
  }                                                                       \
  template <class S>                                                      \
  VIDEOENGINE_HD Lanes<S> operator op(S a, const Lanes<S>& b) { return Lanes<S>(a) op b; } \
  template <class S>                                                      \
  VIDEOENGINE_HD Lanes<S> operator op(const Lanes<S>& a, S b) { return a op Lanes<S>(b); }
VIDEOENGINE_LANE_OPERATOR(+)
VIDEOENGINE_LANE_OPERATOR(-)
VIDEOENGINE_LANE_OPERATOR(*)
VIDEOENGINE_LANE_OPERATOR(/)
#undef VIDEOENGINE_LANE_OPERATOR

#define VIDEOENGINE_LANE_COMPARISON(op)                                   \
  template <class S>                                                      \
  VIDEOENGINE_HD LaneMask<S> operator op(const Lanes<S>& a, S b) {        \
    LaneMask<S> out;                                                      \
    const Lanes<S> wide(b);                                               \
    for (int i = 0; i < Lanes<S>::kCount; ++i) out.v[i] = a.v[i] op wide.v[i]; \
    return out;                                                           \
  }
VIDEOENGINE_LANE_COMPARISON(<)
VIDEOENGINE_LANE_COMPARISON(>)
VIDEOENGINE_LANE_COMPARISON(<=)
VIDEOENGINE_LANE_COMPARISON(>=)
#undef VIDEOENGINE_LANE_COMPARISON

template <class S>
VIDEOENGINE_HD LaneMask<S> operator&(const LaneMask<S>& a, const LaneMask<S>& b) {
  LaneMask<S> out;
  for (int i = 0; i < Lanes<S>::kCount; ++i) out.v[i] = a.v[i] & b.v[i];
  return out;
}

template <class S>
VIDEOENGINE_HD Lanes<S> select(const LaneMask<S>& where, const Lanes<S>& a, const Lanes<S>& b) {
  Lanes<S> out;
  for (int i = 0; i < Lanes<S>::kCount; ++i) out.v[i] = where.v[i] ? a.v[i] : b.v[i];
  return out;
}
template <class S>
VIDEOENGINE_HD Lanes<S> at_most(const Lanes<S>& a, S b) { return select(a < b, a, Lanes<S>(b)); }
template <class S>
VIDEOENGINE_HD Lanes<S> at_least(const Lanes<S>& a, S b) { return select(a > b, a, Lanes<S>(b)); }
template <class S>
VIDEOENGINE_HD Lanes<S> magnitude(const Lanes<S>& a) { return select(a < S(0), Lanes<S>(S(0)) - a, a); }

// -|a|: the sign's bit is set.
template <class S>
VIDEOENGINE_HD Lanes<S> below_zero(const Lanes<S>& a) {
  Lanes<S> out;
  for (int i = 0; i < Lanes<S>::kCount; ++i) {
    const auto sign = -typename Lanes<S>::Vector{};
    out.v[i] = (typename Lanes<S>::Vector)((typename LaneMask<S>::Vector)a.v[i] | (typename LaneMask<S>::Vector)sign);
  }
  return out;
}

// bounded_power_of_two of math3.h, step by step.
VIDEOENGINE_HD Lanes<float> bounded_power_of_two(const Lanes<float>& x) {
  using L = Lanes<float>;
  typedef std::int32_t Whole __attribute__((vector_size(L::kWidth * 4)));
  L out;
  for (int i = 0; i < L::kCount; ++i) {
    const L::Vector v = x.v[i];
    const Whole cut = __builtin_convertvector(v, Whole);
    const Whole floor = cut + (v < __builtin_convertvector(cut, L::Vector));  // a true lane is -1
    const L::Vector f = v - __builtin_convertvector(floor, L::Vector);
    L::Vector p = 2.08179151e-4f - L::Vector{};
    p = p * f + 1.26921661e-3f;
    p = p * f + 9.65219506e-3f;
    p = p * f + 5.54960236e-2f;
    p = p * f + 2.40227204e-1f;
    p = p * f + 6.93147171e-1f;
    p = p * f + 1.0f;
    const Whole bits = (floor + 127) << 23;
    L::Vector scale;
    memcpy(&scale, &bits, sizeof scale);
    out.v[i] = p * scale;
  }
  return out;
}
VIDEOENGINE_HD Lanes<double> bounded_power_of_two(const Lanes<double>& x) {
  alignas(64) double lanes[kLaneCount];
  x.store(lanes);
  for (double& lane : lanes) lane = math::bounded_power_of_two(lane);
  return Lanes<double>::load(lanes);
}

template <class S>
VIDEOENGINE_HD bool any(const LaneMask<S>& mask) {
  auto all = mask.v[0];
  for (int i = 1; i < Lanes<S>::kCount; ++i) all |= mask.v[i];
#if defined(__AVX512F__) && VIDEOENGINE_LANE_BYTES == 64
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(all), reinterpret_cast<__m512i>(all)) != 0;
#elif defined(__AVX__) && VIDEOENGINE_LANE_BYTES == 32
  return !_mm256_testz_si256(reinterpret_cast<__m256i>(all), reinterpret_cast<__m256i>(all));
#else
  bool found = false;
  for (int i = 0; i < Lanes<S>::kWidth; ++i) found |= all[i] != 0;
  return found;
#endif
}

// The sum of the lanes, halves upon halves: the same order on every instruction set.
template <class S>
VIDEOENGINE_HD S total(const Lanes<S>& a) {
  alignas(64) S lanes[kLaneCount];
  a.store(lanes);
  for (int half = kLaneCount / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
