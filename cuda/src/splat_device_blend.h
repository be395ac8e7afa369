// Forward on a device: one block of 128 threads a tile, a warp for each 8 x 8 of its pixels.
#pragma once

#include "splat_device_walk.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kBatchForward = 128;

template <int kChannels, bool kMedian>
struct Drawn {
  Pair sum[kChannels];
  Pair light, median;
};

template <int kChannels, bool kMedian>
VIDEOENGINE_DEVICE void write_pixel(const Drawn<kChannels, kMedian>& drawn, bool second, std::int64_t pixel,
                                    std::int64_t kept, const float* background, const splats::Pictures<float>& out,
                                    float* sums) {
  float sum[kChannels];
  for (int k = 0; k < kChannels; ++k) {
    sum[k] = second ? drawn.sum[k].b : drawn.sum[k].a;
    sums[kept + k * kTilePixels] = sum[k];
  }
  const float light = math::magnitude(second ? drawn.light.b : drawn.light.a), alpha = 1.0f - light;
  sums[kept + kChannels * kTilePixels] = light;
  if (pixel < 0) return;
  for (int k = 0; k < kColors; ++k) out.color[3 * pixel + k] = sum[k] + light * background[k];
  out.depth[pixel] = sum[kColors] / math::maximum(alpha, static_cast<float>(kLeastAlpha));
  out.alpha[pixel] = alpha;
  if constexpr (kChannels == kFull) {
    for (int k = 0; k < kNormals; ++k) out.normal[3 * pixel + k] = sum[kColors + 1 + k];
  }
  if constexpr (kMedian) out.median[pixel] = second ? drawn.median.b : drawn.median.a;
}

template <int kChannels, bool kMedian>
VIDEOENGINE_KERNEL blend_kernel(const WalkIn in, const float* background, const splats::Pictures<float> out,
                                float* sums) {
  const Pixels pixels = pixels_of(in.set);
  const float x = static_cast<float>(pixels.x);
  const Pair y{static_cast<float>(pixels.y), static_cast<float>(pixels.y + kLower)};
  Drawn<kChannels, kMedian> drawn;
  for (int k = 0; k < kChannels; ++k) drawn.sum[k] = Pair(0.0f);
  drawn.light = Pair(pixels.first < 0 ? -1.0f : 1.0f, pixels.second < 0 ? -1.0f : 1.0f);
  drawn.median = Pair(0.0f);
  walk<kBatchForward, kChannels>(
      in, pixels, drawn.light,
      [&](int, const Splat<float>& s) {
        const Cover<Pair> cover = cover_of(s, in.set.rules, Pair(x - s.x), y - s.y);
        if (!either(cover.alpha > 0.0f)) return false;  // nothing is added, and no pixel ends
        float value[kChannels];
        values_of<float, kChannels>(s, value);
        const Pair before = drawn.light;
        const Pair weight = weight_of(cover, in.set.rules, drawn.light);
        if constexpr (kMedian) {
          const PairMask crossed = (before > 0.5f) & (drawn.light <= 0.5f) & (weight > 0.0f);
          drawn.median = select(crossed, Pair(s.depth), drawn.median);
        }
        for (int k = 0; k < kChannels; ++k) drawn.sum[k] = drawn.sum[k] + value[k] * weight;
        return false;
      },
      [](int, unsigned) {}, [](int, int) {});
  // pixels outside the picture keep a light of 1 and add nothing
  const std::int64_t kept = kept_of(kChannels, pixels.kept);
  write_pixel(drawn, false, pixels.first, kept, background, out, sums);
  write_pixel(drawn, true, pixels.second, kept + device::kWarp, background, out, sums);
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
