// Forward on the CPU from the lists on: a tile's splats blended into blocks of 4 x 4 pixels.
#pragma once

#include <algorithm>

#include "splat_cpu_pass.h"
#include "splat_lanes.h"
#include "videoengine/splat_blend.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {
namespace {

using splats::Pictures;
using splats::Shot;

// Offsets of a block's pixels, as numbers.
template <class S>
struct Offsets {
  Lanes<S> x, y;
  Offsets() {
    alignas(64) S across[kLanes], down[kLanes];
    for (int i = 0; i < kLanes; ++i) across[i] = S(i % kBlock), down[i] = S(i / kBlock);
    x = Lanes<S>::load(across), y = Lanes<S>::load(down);
  }
};

// Of the blocks of a tile, those in a box of the picture.
inline BlockBox in_tile(const BlockBox& box, int column, int row) {
  constexpr int kSide = kTile / kBlock;
  const int left = column * kSide, top = row * kSide;
  return {std::max(box.left - left, 0), std::min(box.right - left, kSide - 1), std::max(box.top - top, 0),
          std::min(box.bottom - top, kSide - 1)};
}

template <class S, int kChannels>
struct Tile {
  alignas(64) S sum[kChannels][kTilePixels];
  alignas(64) S light[kTilePixels];
  alignas(64) S median[kTilePixels];
};

constexpr int kLook = 32;  // splats between looks at which blocks have ended

template <class S>
void fetch_ahead(const Pass<S>& pass, std::int64_t n, std::int64_t end) {
  if (n + kAhead < end) fetch(pass.splats[pass.pairs[n + kAhead]]);
}

// The splats of a stretch of a tile's list that meet each block, in order.
constexpr int kBatch = 256;
struct Met {
  std::uint16_t count[kBlocks];
  std::uint16_t which[kBlocks][kBatch];
};

// Blends splats into one block, which stays in registers; a splat that no pixel sees changes no bit and
// is left out before its power of two.
template <class S, int kChannels, bool kMedian>
void blend(const Splat<S>* const* splats, const std::uint16_t* which, int count, const Rules<S>& rules, S faintest,
           const Lanes<S>& x, const Lanes<S>& y, int at, Tile<S, kChannels>& tile) {
  using L = Lanes<S>;
  L sum[kChannels], light = L::load(tile.light + at), median;
  for (int k = 0; k < kChannels; ++k) sum[k] = L::load(tile.sum[k] + at);
  if constexpr (kMedian) median = L::load(tile.median + at);
  for (int n = 0; n < count; ++n) {
    if (n % kLook == kLook - 1 && !any(light > S(0))) break;
    const Splat<S>& s = *splats[which[n]];
    const L dx = x - s.x, dy = y - s.y;
    const L q = quadratic_of(s, dx, dy);
    if (!any(s.level - q >= faintest)) continue;
    S value[kChannels];
    values_of<S, kChannels>(s, value);
    const Cover<L> cover = cover_at(s, rules, q);
    const L before = light;
    const L weight = weight_of(cover, rules, light);
    if constexpr (kMedian) {
      const auto crossed = (before > S(0.5)) & (light <= S(0.5)) & (weight > S(0));
      median = select(crossed, L(s.depth), median);
    }
    for (int k = 0; k < kChannels; ++k) sum[k] = sum[k] + value[k] * weight;
  }
  light.store(tile.light + at);
  for (int k = 0; k < kChannels; ++k) sum[k].store(tile.sum[k] + at);
  if constexpr (kMedian) median.store(tile.median + at);
}

// The pixel of a lane of a tile, or -1 outside the picture.
template <class S>
std::int64_t pixel_of(const Setting<S>& set, std::int64_t tile, int lane) {
  const int block = lane / kLanes, within = lane % kLanes, side = kTile / kBlock;
  const int x = static_cast<int>(tile % set.columns) * kTile + (block % side) * kBlock + within % kBlock;
  const int y = static_cast<int>(tile / set.columns) * kTile + (block / side) * kBlock + within / kBlock;
  return x < set.view.width && y < set.view.height ? static_cast<std::int64_t>(y) * set.view.width + x : -1;
}

template <class S, int kChannels, bool kMedian>
void draw_tile(const Pass<S>& pass, const Setting<S>& set, const Shot<S>& shot, const Offsets<S>& offsets,
               std::int64_t tile, const Pictures<S>& out) {
  Tile<S, kChannels> t;
  std::fill_n(&t.sum[0][0], kChannels * kTilePixels, S(0));
  std::fill_n(t.light, kTilePixels, S(1));
  std::fill_n(t.median, kTilePixels, S(0));
  const int tile_column = static_cast<int>(tile % set.columns), tile_row = static_cast<int>(tile / set.columns);
  const int left = tile_column * kTile, top = tile_row * kTile;
  const S faintest = faintest_level(set.rules);
  bool lit[kBlocks];
  std::fill_n(lit, kBlocks, true);
  const std::int64_t end = pass.starts[tile + 1];
  for (std::int64_t start = pass.starts[tile]; start < end; start += kBatch) {
    const int count = static_cast<int>(std::min<std::int64_t>(kBatch, end - start));
    const Splat<S>* splats[kBatch];
    Met met;
    std::fill_n(met.count, kBlocks, std::uint16_t(0));
    for (int n = 0; n < count; ++n) {
      fetch_ahead(pass, start + n, end);
      const std::int32_t which = pass.pairs[start + n];
      splats[n] = pass.splats + which;
      const BlockBox box = in_tile(pass.boxes[which], tile_column, tile_row);
      for (int row = box.top; row <= box.bottom; ++row) {
        for (int column = box.left; column <= box.right; ++column) {
          const int block = row * (kTile / kBlock) + column;
          met.which[block][met.count[block]++] = static_cast<std::uint16_t>(n);
        }
      }
    }
    bool any_lit = false;
    for (int block = 0; block < kBlocks; ++block) {
      if (!lit[block]) continue;
      const int at = block * kLanes;
      const Lanes<S> x = S(left + block % (kTile / kBlock) * kBlock) + offsets.x;
      const Lanes<S> y = S(top + block / (kTile / kBlock) * kBlock) + offsets.y;
      blend<S, kChannels, kMedian>(splats, met.which[block], met.count[block], set.rules, faintest, x, y, at, t);
      any_lit |= lit[block] = splat::any(Lanes<S>::load(t.light + at) > S(0));
    }
    if (!any_lit) break;
  }
  S* kept = pass.sums + tile * (kChannels + 1) * kTilePixels;
  std::copy_n(&t.sum[0][0], kChannels * kTilePixels, kept);
  for (int i = 0; i < kTilePixels; ++i) kept[kChannels * kTilePixels + i] = math::magnitude(t.light[i]);
  for (int i = 0; i < kTilePixels; ++i) {
    const std::int64_t pixel = pixel_of(set, tile, i);
    if (pixel < 0) continue;
    const S light = math::magnitude(t.light[i]), alpha = S(1) - light;
    for (int k = 0; k < kColors; ++k) out.color[3 * pixel + k] = t.sum[k][i] + light * shot.background[k];
    out.depth[pixel] = t.sum[kColors][i] / math::maximum(alpha, S(kLeastAlpha));
    out.alpha[pixel] = alpha;
    if constexpr (kChannels > kColors + 1) {
      for (int k = 0; k < kNormals; ++k) out.normal[3 * pixel + k] = t.sum[kColors + 1 + k][i];
    }
    if constexpr (kMedian) out.median[pixel] = t.median[i];
  }
}

template <class S, int kChannels, bool kMedian>
void draw(const Pass<S>& pass, const Setting<S>& set, const Shot<S>& shot, const Pictures<S>& out) {
  const std::int64_t tiles = static_cast<std::int64_t>(set.columns) * set.rows;
  const Offsets<S> offsets;
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    draw_tile<S, kChannels, kMedian>(pass, set, shot, offsets, tile, out);
  }
}

}  // namespace
}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
