// Gradient noise from integer hashes: the same everywhere, at any scale, with nothing stored.
//
// After K. Perlin, "Improving noise", SIGGRAPH 2002: quintic fade between pseudo-random gradients
// on the integer lattice. Only +, -, * and floor are used, so double results are exact everywhere.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace noise {

// A well-mixed 32-bit hash of four integers (constants of MurmurHash3's finalizer).
VIDEOENGINE_HD std::uint32_t hash(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                  std::uint32_t d) {
  std::uint32_t h = a * 0x9e3779b1u + b * 0x85ebca77u + c * 0xc2b2ae3du + d * 0x27d4eb2fu;
  h ^= h >> 16, h *= 0x85ebca6bu;
  h ^= h >> 13, h *= 0xc2b2ae35u;
  return h ^ (h >> 16);
}

// Uniform in [0, 1) with 24 bits.
VIDEOENGINE_HD float unit_of(std::uint32_t h) { return static_cast<float>(h >> 8) * 5.9604645e-8f; }

template <class S>
VIDEOENGINE_HD S fade(S t) { return t * t * t * (t * (t * S(6) - S(15)) + S(10)); }

// One of the twelve edge directions of a cube, dotted with (x, y, z).
template <class S>
VIDEOENGINE_HD S slope(std::uint32_t h, S x, S y, S z) {
  const std::uint32_t k = h % 12u;
  const S a = k < 8u ? x : y, b = k < 4u ? y : z;
  return ((h & 16u) ? -a : a) + ((h & 32u) ? -b : b);
}

// Gradient noise in about [-1, 1]. `period` repeats it along x (0: never).
template <class S>
VIDEOENGINE_HD S gradient(S x, S y, S z, std::uint32_t seed, int period = 0) {
  const S fx = math::floor_of(x), fy = math::floor_of(y), fz = math::floor_of(z);
  const int ix = static_cast<int>(fx), iy = static_cast<int>(fy), iz = static_cast<int>(fz);
  const S u = x - fx, v = y - fy, w = z - fz;
  S corner[8];
  const int count = w == S(0) ? 4 : 8;  // on the lattice's own plane the far one has no weight
  for (int i = 0; i < count; ++i) {
    const int dx = i & 1, dy = (i >> 1) & 1, dz = i >> 2;
    int cx = ix + dx;
    if (period > 0) cx = ((cx % period) + period) % period;
    const std::uint32_t h = hash(static_cast<std::uint32_t>(cx), static_cast<std::uint32_t>(iy + dy),
                                 static_cast<std::uint32_t>(iz + dz), seed);
    corner[i] = slope(h >> 8, u - S(dx), v - S(dy), w - S(dz));
  }
  const S a = fade(u), b = fade(v), c = fade(w);
  const S near = math::mix(math::mix(corner[0], corner[1], a), math::mix(corner[2], corner[3], a), b);
  if (count == 4) return near;
  const S far = math::mix(math::mix(corner[4], corner[5], a), math::mix(corner[6], corner[7], a), b);
  return math::mix(near, far, c);
}

enum Kind : int { kPlain = 0, kRidged = 1, kBillow = 2 };

// Sum of octaves, each at twice the frequency and `gain` times the amplitude; divided by the sum of
// amplitudes. Ridged octaves are 1 - |n| (sharp crests), billow octaves |n| (sharp valleys).
template <class S>
VIDEOENGINE_HD S fractal(S x, S y, S z, std::uint32_t seed, int octaves, S gain, int kind,
                         int period) {
  S sum = S(0), weight = S(1), total = S(0);
  for (int i = 0; i < octaves; ++i) {
    const S n = gradient(x, y, z, seed + static_cast<std::uint32_t>(i) * 0x632be5abu, period);
    sum = sum + weight * (kind == kPlain ? n : kind == kRidged ? S(1) - math::magnitude(n)
                                                               : math::magnitude(n));
    total = total + weight;
    weight = weight * gain;
    x = x * S(2), y = y * S(2), z = z * S(2), period *= 2;
  }
  return sum / total;
}

}  // namespace noise
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
