// Backward on a device: the walk of forward, the nearest first again. What a splat gets from the 64 pixels of
// a warp is folded over its lanes, from the 4 warps of a tile added in shared memory, and from all tiles by
// atomic additions of 16 bytes; or, deterministic, kept in the pair's own row.
#pragma once

#include "splat_device_fold.h"
#include "splat_device_walk.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kBatchBack = 64;

struct BlendBackIn {
  WalkIn walk;
  const DeviceState* state;
  const float* sums;
  const float* background;
  splats::PictureGradients<float> gradients;
  Quad* rows;                  // by Gaussian; or by place of emission
  const std::uint32_t* slots;  // null unless deterministic
  float* grounds;              // (tiles, 4)
};

template <int kChannels>
struct PixelsBack {
  Pair to_sum[kChannels];
  Pair left, light;
};

template <int kChannels>
VIDEOENGINE_DEVICE PixelsBack<kChannels> open_pixels(const BlendBackIn& in, const Pixels& pixels,
                                                     float to_background[kBackgroundRow]) {
  PixelsBack<kChannels> p;
  const std::int64_t kept = kept_of(kChannels, pixels.kept);
  for (int half = 0; half < 2; ++half) {
    const std::int64_t pixel = half ? pixels.second : pixels.first, at = kept + half * device::kWarp;
    float sums[kChannels];
    for (int k = 0; k < kChannels; ++k) sums[k] = in.sums[at + k * kTilePixels];
    const PixelBack<float, kChannels> back = pixel_back<float, kChannels>(
        in.gradients, in.background, pixel, sums, in.sums[at + kChannels * kTilePixels], to_background);
    for (int k = 0; k < kChannels; ++k) (half ? p.to_sum[k].b : p.to_sum[k].a) = back.to_sum[k];
    (half ? p.left.b : p.left.a) = back.left;
    (half ? p.light.b : p.light.a) = pixel < 0 ? -1.0f : 1.0f;
  }
  return p;
}

// Of one splat and two pixels: moments of the exponent's gradient, channels, absolute slopes.
template <int kChannels, bool kAbsolute>
VIDEOENGINE_DEVICE void say(const Splat<float>& s, const Rules<float>& rules, float dx, Pair dy,
                            const Cover<Pair>& cover, PixelsBack<kChannels>& p, float* row) {
  float value[kChannels];
  values_of<float, kChannels>(s, value);
  const Pair before = p.light;
  const Pair weight = weight_of(cover, rules, p.light);
  Pair of_value(0.0f);
  for (int k = 0; k < kChannels; ++k) {
    of_value = of_value + p.to_sum[k] * value[k];
    row[kMoments + k] = both(p.to_sum[k] * weight);
  }
  p.left = p.left - of_value * weight;
  const Pair e = exponent_back(cover, rules, weight, before, of_value, p.left);
  const Pair ey = e * dy;
  row[0] = both(e), row[2] = both(ey);
  row[1] = row[0] * dx, row[4] = row[2] * dx, row[3] = row[1] * dx, row[5] = both(ey * dy);
  if constexpr (kAbsolute) {
    const Pair ex = e * dx;
    row[kMoments + kChannels] = both(magnitude(2.0f * s.a * ex + s.b * ey));
    row[kMoments + kChannels + 1] = both(magnitude(s.b * ex + 2.0f * s.c * ey));
  }
}

// What warps say of the records of a batch.
template <int kChannels>
struct Said {
  static constexpr int kQuads = quads_of_row(kChannels);
  Quad rows[device::kWarps][kBatchBack * kQuads];
  unsigned marks[device::kWarps][kBatchBack / device::kWarp];  // whose rows hold something
};

template <int kChannels>
VIDEOENGINE_DEVICE void hand_over(const BlendBackIn& in, const Said<kChannels>& said, int first, int count) {
  constexpr int kQuads = Said<kChannels>::kQuads;
  for (int i = device::thread_of(); i < count * kQuads; i += device::kThreads) {
    const int own = i / kQuads, q = i % kQuads;
    Quad sum = device::make_quad(0.0f, 0.0f, 0.0f, 0.0f);
    bool any = false;
    for (int warp = 0; warp < device::kWarps; ++warp) {
      if (!(said.marks[warp][own / device::kWarp] >> (own % device::kWarp) & 1u)) continue;
      const Quad row = said.rows[warp][i];
      sum.x += row.x, sum.y += row.y, sum.z += row.z, sum.w += row.w;
      any = true;
    }
    if (!any) continue;
    if (in.slots) {
      in.rows[static_cast<std::int64_t>(in.slots[first + own]) * kQuads + q] = sum;
    } else {
      device::add(in.rows + static_cast<std::int64_t>(in.walk.pairs[first + own]) * kQuads + q, sum);
    }
  }
}

template <int kChannels, bool kAbsolute>
VIDEOENGINE_KERNEL blend_back_kernel(const BlendBackIn in) {
  constexpr int kUsed = kMoments + kChannels + (kAbsolute ? 2 : 0), kQuads = quads_of_row(kChannels);
  static_assert(kUsed <= 4 * kQuads, "a row holds what is said");
  VIDEOENGINE_SHARED Said<kChannels> said;
  const int warp = device::warp_of(), lane = device::lane_of();
  for (int i = device::thread_of(); i < device::kWarps * kBatchBack * kQuads; i += device::kThreads) {
    said.rows[i / (kBatchBack * kQuads)][i % (kBatchBack * kQuads)] = device::make_quad(0.0f, 0.0f, 0.0f, 0.0f);
  }
  const Pixels pixels = pixels_of(in.walk.set);
  const float x = static_cast<float>(pixels.x);
  const Pair y{static_cast<float>(pixels.y), static_cast<float>(pixels.y + kLower)};
  float to_background[kBackgroundRow] = {0.0f, 0.0f, 0.0f, 0.0f};
  PixelsBack<kChannels> p = open_pixels<kChannels>(in, pixels, to_background);
  const int held = device::held<kUsed>();
  walk<kBatchBack, kChannels>(
      in.walk, pixels, p.light,
      [&](int own, const Splat<float>& s) {
        const float dx = x - s.x;
        const Pair dy = y - s.y;
        const Cover<Pair> cover = cover_of(s, in.walk.set.rules, Pair(dx), dy);
        if (!device::warp_any(either((cover.alpha > 0.0f) & (p.light > 0.0f)))) return false;
        float row[kUsed];
        say<kChannels, kAbsolute>(s, in.walk.set.rules, dx, dy, cover, p, row);
        device::fold<kUsed>(row);
        float* rows = reinterpret_cast<float*>(said.rows[warp] + own * kQuads);
        if (held >= 0) rows[held] = row[0];
        return true;
      },
      [&](int group, unsigned places) {
        if (lane == 0) said.marks[warp][group] = places;
      },
      [&](int first, int count) {
        device::block_wait();
        hand_over<kChannels>(in, said, first, count);
      });
  device::block_sums<kBackgroundRow>(
      to_background, in.grounds + static_cast<std::int64_t>(device::block_of()) * kBackgroundRow, kBackgroundRow);
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
