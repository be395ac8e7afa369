// Forward on the CPU up to the lists: projection, order by depth, and the lists of tiles.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "splat_cpu_pass.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {
namespace {

using splats::Block;
using splats::Failure;
using splats::Scene;

constexpr int kChunk = 512;  // Gaussians that one thread takes at a time

// Splats that are seen, each where its Gaussian is; `order` goes from the nearest to the farthest.
template <class S>
struct Projected {
  std::unique_ptr<Splat<S>[]> splats;
  std::vector<std::int32_t> order;
};

// Bits that sort as positive numbers do.
inline std::uint32_t key_of(float depth) { return math::bits_of(depth); }
inline std::uint64_t key_of(double depth) {
  std::uint64_t bits;
  memcpy(&bits, &depth, sizeof bits);
  return bits;
}

template <class S>
struct Entry {
  decltype(key_of(S(0))) key;
  std::int32_t index;
};

// The order of splats by depth, equal ones by number: a stable radix sort, 11 bits at a time.
template <class S>
std::vector<std::int32_t> by_depth(std::vector<Entry<S>>& from) {
  constexpr int kBits = 11, kBins = 1 << kBits;
  std::vector<Entry<S>> to(from.size());
  for (unsigned shift = 0; shift < 8 * sizeof(from[0].key); shift += kBits) {
    std::size_t bins[kBins + 1] = {0};
    for (const Entry<S>& e : from) ++bins[((e.key >> shift) & (kBins - 1)) + 1];
    for (int b = 0; b < kBins; ++b) bins[b + 1] += bins[b];
    for (const Entry<S>& e : from) to[bins[(e.key >> shift) & (kBins - 1)]++] = e;
    from.swap(to);
  }
  std::vector<std::int32_t> order(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) order[i] = from[i].index;
  return order;
}

// Every visible Gaussian; the first that is not a Gaussian is the failure.
template <class S>
Failure projected(const Scene<S>& scene, const Setting<S>& set, Projected<S>& out) {
  const std::int64_t chunks = (scene.count + kChunk - 1) / kChunk;
  out.splats.reset(new Splat<S>[scene.count]);  // not filled: only what is seen is read
  std::vector<std::vector<Entry<S>>> seen(chunks);
  std::vector<Failure> failures(chunks);
#pragma omp parallel for schedule(static) if (chunks > 2)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t first = chunk * kChunk, end = std::min(first + kChunk, scene.count);
    seen[chunk].reserve(end - first);
    for (std::int64_t i = first; i < end; ++i) {
      const Gaussian<S> g = gaussian_of(scene, i);
      const Fault fault = fault_of(g);
      if (fault != Fault::kNone && !failures[chunk].fault) failures[chunk] = {static_cast<int>(fault), i};
      if (fault == Fault::kNone && project(g, set.view, set.lamp, set.rules, out.splats[i])) {
        seen[chunk].push_back({key_of(out.splats[i].depth), static_cast<std::int32_t>(i)});
      }
    }
  }
  for (const Failure& failure : failures) {
    if (failure.fault) return failure;
  }
  std::vector<Entry<S>> entries;
  entries.reserve(scene.count);
  for (const auto& chunk : seen) entries.insert(entries.end(), chunk.begin(), chunk.end());
  out.order = by_depth(entries);
  return {};
}

// Calls `found(tile)` for every tile that a splat may touch, in the order of tiles.
template <class S, class Found>
void each_tile(const Splat<S>& s, const Setting<S>& set, const Found& found) {
  const Box box = box_of(s, set);
  for (int row = box.down.first; row <= box.down.last; ++row) {
    for (int column = box.across.first; column <= box.across.last; ++column) {
      if (touched(s, set, box, column, row)) found(row * set.columns + column);
    }
  }
}

// Splats by depth are shared out in stretches; each stretch counts its pairs tile by tile, which tells
// where they go in every list.
constexpr int kStretches = 8;

struct Stretch {
  std::int64_t first, end;
};
inline Stretch stretch_of(int number, std::int64_t visible) {
  return {visible * number / kStretches, visible * (number + 1) / kStretches};
}

// The blocks of the picture that a splat's box meets.
template <class S>
BlockBox blocks_of(const Splat<S>& s, const Setting<S>& set) {
  const int across = set.columns * (kTile / kBlock), down = set.rows * (kTile / kBlock);
  if (!set.cull) return {0, across - 1, 0, down - 1};
  const Range x = cells_of(s.x, s.reach_x, 0, kBlock, across), y = cells_of(s.y, s.reach_y, 0, kBlock, down);
  return {x.first, x.last, y.first, y.last};
}

template <class S>
Failure binned(const Projected<S>& seen, const Setting<S>& set, std::int64_t gaussians, int channels,
               std::int64_t capacity, Block& block, Pass<S>& pass) {
  const std::int64_t visible = seen.order.size(), tiles = static_cast<std::int64_t>(set.columns) * set.rows;
  std::vector<std::int64_t> counts(kStretches * tiles, 0);
  std::vector<std::int32_t> own(visible);
  std::vector<std::int32_t> met[kStretches];  // the tiles of each splat of a stretch, one after the other
#pragma omp parallel for schedule(dynamic, 1)
  for (int number = 0; number < kStretches; ++number) {
    const Stretch stretch = stretch_of(number, visible);
    std::int64_t* count = counts.data() + number * tiles;
    met[number].reserve(4 * (stretch.end - stretch.first));
    for (std::int64_t i = stretch.first; i < stretch.end; ++i) {
      if (i + kAhead < stretch.end) fetch(seen.splats[seen.order[i + kAhead]]);
      const std::size_t before = met[number].size();
      each_tile(seen.splats[seen.order[i]], set, [&](int tile) { ++count[tile], met[number].push_back(tile); });
      own[i] = static_cast<std::int32_t>(met[number].size() - before);
    }
  }
  std::int64_t total = 0;
  for (const auto& stretch : met) total += stretch.size();
  if (capacity > 0 && total > capacity) return {-2, total};
  block.size = laid_out<S>(nullptr, visible, total, tiles, channels).size;
  block.bytes = static_cast<std::uint8_t*>(std::aligned_alloc(64, block.size));
  if (!block.bytes) return {-1, static_cast<std::int64_t>(block.size)};
  pass = laid_out<S>(block.bytes, visible, total, tiles, channels);
  *pass.header = {kMagic, sizeof(S), gaussians, visible, total, set.view.width, set.view.height, channels, 0};
  pass.firsts[0] = 0;
  for (std::int64_t i = 0; i < visible; ++i) pass.firsts[i + 1] = pass.firsts[i] + own[i];
  std::int64_t at = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    pass.starts[tile] = at;
    for (int number = 0; number < kStretches; ++number) {
      const std::int64_t count = counts[number * tiles + tile];
      counts[number * tiles + tile] = at;
      at += count;
    }
  }
  pass.starts[tiles] = at;
#pragma omp parallel for schedule(dynamic, 1)
  for (int number = 0; number < kStretches; ++number) {
    const Stretch stretch = stretch_of(number, visible);
    std::int64_t* next = counts.data() + number * tiles;
    const std::int32_t* tile = met[number].data();
    for (std::int64_t i = stretch.first; i < stretch.end; ++i) {
      if (i + kAhead < stretch.end) fetch(seen.splats[seen.order[i + kAhead]]);
      const std::int32_t id = seen.order[i];
      pass.splats[i] = seen.splats[id], pass.ids[i] = id, pass.boxes[i] = blocks_of(seen.splats[id], set);
      for (std::int64_t place = pass.firsts[i]; place < pass.firsts[i + 1]; ++place, ++tile) {
        pass.pairs[next[*tile]] = static_cast<std::int32_t>(i);
        pass.places[place] = next[*tile]++;
      }
    }
  }
  return {};
}

}  // namespace
}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
