// Vectors, matrices and elementary functions on a scalar S: float, double, or a dual number.
//
// Conventions: right-handed; a camera looks along +z with x to the right and y down; transforms are
// named target_from_source; lengths are mm, angles radians.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "videoengine/host_device.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace math {

template <class S>
VIDEOENGINE_HD S minimum(S a, S b) { return a < b ? a : b; }
template <class S>
VIDEOENGINE_HD S maximum(S a, S b) { return a > b ? a : b; }
template <class S>
VIDEOENGINE_HD S clamp(S x, S low, S high) { return minimum(maximum(x, low), high); }
template <class S>
VIDEOENGINE_HD S mix(S a, S b, S t) { return a + (b - a) * t; }
template <class S>
VIDEOENGINE_HD S magnitude(S x) { return x < S(0) ? -x : x; }

// 0 below `low`, 1 above `high`, a cubic between.
template <class S>
VIDEOENGINE_HD S smoothstep(S low, S high, S x) {
  const S t = clamp((x - low) / (high - low), S(0), S(1));
  return t * t * (S(3) - S(2) * t);
}

VIDEOENGINE_HD float square_root(float x) { return ::sqrtf(x); }  // exact in IEEE 754
VIDEOENGINE_HD double square_root(double x) { return ::sqrt(x); }
VIDEOENGINE_HD float floor_of(float x) { return ::floorf(x); }
VIDEOENGINE_HD double floor_of(double x) { return ::floor(x); }

VIDEOENGINE_HD std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
VIDEOENGINE_HD float float_of(std::uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// 2^x within 2e-7 relative for x in [-126, 127], without a branch. The polynomial interpolates 2^f on
// [0, 1] at Chebyshev nodes.
VIDEOENGINE_HD float bounded_power_of_two(float x) {
  const int cut = static_cast<int>(x);
  const int floor = cut - (x < static_cast<float>(cut) ? 1 : 0);
  const float f = x - static_cast<float>(floor);
  float p = 2.08179151e-4f;
  p = p * f + 1.26921661e-3f;
  p = p * f + 9.65219506e-3f;
  p = p * f + 5.54960236e-2f;
  p = p * f + 2.40227204e-1f;
  p = p * f + 6.93147171e-1f;
  p = p * f + 1.0f;
  return p * float_of(static_cast<std::uint32_t>(floor + 127) << 23);
}
VIDEOENGINE_HD double bounded_power_of_two(double x) { return ::exp2(x); }

// The same for any x: below -126 it is 0, above 127 it stays what it is there.
VIDEOENGINE_HD float power_of_two(float x) {
  return x < -126.0f ? 0.0f : bounded_power_of_two(minimum(x, 127.0f));
}
VIDEOENGINE_HD double power_of_two(double x) { return ::exp2(x); }

// log2 of a positive normal x, within 3e-7 absolute near 1: the series of atanh in (m-1)/(m+1),
// with m in [sqrt(1/2), sqrt(2)).
VIDEOENGINE_HD float log_two(float x) {
  const std::uint32_t bits = bits_of(x);
  int exponent = static_cast<int>(bits >> 23) - 127;
  float m = float_of((bits & 0x7fffffu) | 0x3f800000u);
  if (m > 1.41421356f) m *= 0.5f, ++exponent;
  const float t = (m - 1.0f) / (m + 1.0f), t2 = t * t;
  float s = 0.34075637f;
  s = s * t2 + 0.41167149f;
  s = s * t2 + 0.57708360f;
  s = s * t2 + 0.96179667f;
  s = s * t2 + 2.88539008f;
  return static_cast<float>(exponent) + s * t;
}
VIDEOENGINE_HD double log_two(double x) { return ::log2(x); }

template <class S>
VIDEOENGINE_HD S exponential(S x) { return power_of_two(x * S(1.4426950408889634)); }
template <class S>
VIDEOENGINE_HD S power(S x, S y) { return x > S(0) ? power_of_two(y * log_two(x)) : S(0); }

constexpr double kPi = 3.14159265358979323846;

template <class S>
struct Vec3 {
  S x, y, z;
};
template <class S>
VIDEOENGINE_HD Vec3<S> operator+(Vec3<S> a, Vec3<S> b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
template <class S>
VIDEOENGINE_HD Vec3<S> operator-(Vec3<S> a, Vec3<S> b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
template <class S>
VIDEOENGINE_HD Vec3<S> operator-(Vec3<S> a) { return {-a.x, -a.y, -a.z}; }
template <class S>
VIDEOENGINE_HD Vec3<S> operator*(Vec3<S> a, S s) { return {a.x * s, a.y * s, a.z * s}; }
template <class S>
VIDEOENGINE_HD Vec3<S> operator*(Vec3<S> a, Vec3<S> b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
template <class S>
VIDEOENGINE_HD S dot(Vec3<S> a, Vec3<S> b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
// cross(a, b) is exactly -cross(b, a), which makes the edges of a mesh watertight.
template <class S>
VIDEOENGINE_HD Vec3<S> cross(Vec3<S> a, Vec3<S> b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <class S>
VIDEOENGINE_HD S length(Vec3<S> a) { return square_root(dot(a, a)); }
template <class S>
VIDEOENGINE_HD Vec3<S> normalized(Vec3<S> a) {
  const S n = length(a);
  return n > S(0) ? a * (S(1) / n) : Vec3<S>{S(0), S(0), S(1)};
}
template <class S>
VIDEOENGINE_HD Vec3<S> mix(Vec3<S> a, Vec3<S> b, S t) { return a + (b - a) * t; }
template <class S>
VIDEOENGINE_HD Vec3<S> reflected(Vec3<S> incoming, Vec3<S> normal) {
  return incoming - normal * (S(2) * dot(incoming, normal));
}

template <class S>
struct Mat3 {
  Vec3<S> rows[3];
};
template <class S>
VIDEOENGINE_HD Vec3<S> operator*(const Mat3<S>& m, Vec3<S> v) {
  return {dot(m.rows[0], v), dot(m.rows[1], v), dot(m.rows[2], v)};
}
template <class S>
VIDEOENGINE_HD Vec3<S> transposed_times(const Mat3<S>& m, Vec3<S> v) {
  return m.rows[0] * v.x + m.rows[1] * v.y + m.rows[2] * v.z;
}

// A rigid motion: target = rotation * source + translation.
template <class S>
struct Pose {
  Mat3<S> rotation;
  Vec3<S> translation;
};
template <class S>
VIDEOENGINE_HD Vec3<S> apply(const Pose<S>& p, Vec3<S> v) { return p.rotation * v + p.translation; }
template <class S>
VIDEOENGINE_HD Vec3<S> apply_inverse(const Pose<S>& p, Vec3<S> v) {
  return transposed_times(p.rotation, v - p.translation);
}

}  // namespace math
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
