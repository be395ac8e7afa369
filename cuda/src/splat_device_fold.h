// Many sums over the lanes of a warp at once: at every step a lane gives half of its numbers away and adds
// what it gets to the other half, so that N sums cost about N exchanges instead of 5 N.
#pragma once

#include "splat_device_platform.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace device {

// Steps at `offset`, offset / 2 ... 1 over v[0 ... N).
template <int N, int kOffset>
VIDEOENGINE_DEVICE void fold_from(float* v) {
  if constexpr (kOffset > 0) {
    constexpr int kHalf = (N + 1) / 2;
    const bool high = (lane_of() & kOffset) != 0;
    if constexpr (N == 1) {
      v[0] += from_across(v[0], kOffset);
    } else {
      for (int i = 0; i < kHalf; ++i) {
        const float upper = i + kHalf < N ? v[i + kHalf] : 0.0f;
        const float given = high ? v[i] : upper, kept = high ? upper : v[i];
        v[i] = kept + from_across(given, kOffset);
      }
    }
    fold_from<kHalf, kOffset / 2>(v);
  }
}

// Of N numbers that every lane has, each summed over the warp; `held` says which sum this lane got in v[0].
template <int N>
VIDEOENGINE_DEVICE void fold(float* v) {
  static_assert(N >= 1 && N <= kWarp, "a lane ends with one sum");
  fold_from<N, kWarp / 2>(v);
}

// Which of N sums a lane holds after `fold`, or -1: every sum has one lane.
template <int N>
VIDEOENGINE_DEVICE int held() {
  const int lane = lane_of();
  int width = N, real = N, first = 0;
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const int half = (width + 1) / 2;
    const bool high = (lane & offset) != 0;
    if (width == 1) {
      real = high ? 0 : real;  // both lanes have it; the lower one stands for it
    } else {
      first += high ? half : 0;
      real = high ? real - half : (real < half ? real : half);
    }
    width = half;
  }
  return real >= 1 ? first : -1;
}

// The sums over a block of N numbers of every thread, written by some of its threads to `out`.
template <int N>
VIDEOENGINE_DEVICE void block_sums(float* v, float* out, int used) {
  VIDEOENGINE_SHARED float parts[kWarps][N];
  fold<N>(v);
  const int k = held<N>();
  if (k >= 0) parts[warp_of()][k] = v[0];
  block_wait();
  if (thread_of() < used) {
    float sum = 0.0f;
    for (int warp = 0; warp < kWarps; ++warp) sum += parts[warp][thread_of()];
    out[thread_of()] = sum;
  }
}

}  // namespace device
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
