// The triangle filter of color_conversion: which samples an output sample is made of, and how much.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace videoengine {

constexpr int kOne = 1 << 15;  // the weights of one output sample add up to this
constexpr int kGroup = 4;      // taps that one pass over a row takes, spare ones weigh 0

// For each output position: where its taps begin, and `taps` weights adding up to one.
struct Filter {
  int source = 0, target = 0, taps = 0;
  bool half = false, shifted = false;
  std::vector<int> start;
  std::vector<std::uint16_t> weight;  // [target][taps]

  bool fits(int s, int t, bool h, bool sh) const {
    return source == s && target == t && half == h && shifted == sh;
  }
};

// Fills `filter` for an axis of `full` luma samples. With `half`, the samples are chroma, one for
// two; `shifted` sites them on the first of the pair instead of midway. Positions are exact: they
// are counted in units of 1 / (4 * target) of a sample.
inline void design(Filter& filter, int full, int target, bool half, bool shifted) {
  if (filter.fits(full, target, half, shifted)) return;
  filter.source = full, filter.target = target, filter.half = half, filter.shifted = shifted;
  const std::int64_t unit = 4LL * target;
  const int samples = half ? (full + 1) / 2 : full;
  const std::int64_t step = half ? 2LL * full : 4LL * full;
  const std::int64_t radius = std::max(unit, step);
  // an open interval that long holds at most so many samples
  const int widest = static_cast<int>((2 * radius + unit - 1) / unit);
  const int used = std::min(widest, samples);
  filter.taps = used <= 2 ? 2 : (used + kGroup - 1) / kGroup * kGroup;
  filter.start.assign(target, 0);
  filter.weight.assign(static_cast<std::size_t>(target) * filter.taps, 0);
  std::vector<std::int64_t> heights(widest + 2);
  for (int x = 0; x < target; ++x) {
    const std::int64_t center = (2LL * x + 1) * step / 2 + (shifted ? target : 0);
    // sample j lies at j * unit + unit / 2; keep those nearer than the radius
    std::int64_t first = (center - radius - unit / 2) / unit;
    first = std::max<std::int64_t>(first, 0);
    while (first + 1 < samples && first * unit + unit / 2 <= center - radius) ++first;
    std::int64_t total = 0;
    int count = 0;
    for (std::int64_t j = first; j < samples && count < widest + 2; ++j) {
      const std::int64_t distance = std::abs(j * unit + unit / 2 - center);
      if (distance >= radius) break;
      total += heights[count++] = radius - distance;
    }
    if (count == 0) heights[count++] = total = 1;  // past the last sample: repeat it
    int left = kOne, largest = 0;
    std::uint16_t* weights = &filter.weight[static_cast<std::size_t>(x) * filter.taps];
    // the taps must stay inside the row, so the last groups begin early
    const int start = std::max(0, std::min<int>(first, samples - filter.taps));
    const int shift = static_cast<int>(first) - start;
    for (int k = 0; k < count; ++k) {
      const int w = static_cast<int>((heights[k] * kOne + total / 2) / total);
      weights[shift + k] = static_cast<std::uint16_t>(w);
      left -= w;
      if (heights[k] > heights[largest]) largest = k;
    }
    weights[shift + largest] = static_cast<std::uint16_t>(weights[shift + largest] + left);
    filter.start[x] = start;
  }
}

}  // namespace videoengine
