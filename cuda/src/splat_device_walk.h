// A tile's list on a device: records staged in shared memory, culled by every warp against its own 8 x 8
// pixels, a lane of which owns (x, y) and (x, y + 4).
#pragma once

#include "splat_device_project.h"
#include "splat_pair.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kQuarter = kTile / 2;       // pixels a side of a warp's part of a tile
constexpr int kLower = kQuarter / 2;      // rows between the two pixels of a lane

// The two pixels of this lane.
struct Pixels {
  int x, y;               // of the first
  float left, top;        // of the warp's part
  std::int64_t first, second;  // in the picture, or -1 outside
  int kept;               // of the first, within the tile's 256 kept sums; the second is 32 further on
};

VIDEOENGINE_DEVICE Pixels pixels_of(const Setting<float>& set) {
  const int tile = device::block_of(), lane = device::lane_of(), warp = device::warp_of();
  const int left = tile % set.columns * kTile + warp % 2 * kQuarter, top = tile / set.columns * kTile + warp / 2 * kQuarter;
  Pixels p;
  p.x = left + lane % kQuarter, p.y = top + lane / kQuarter;
  p.left = static_cast<float>(left), p.top = static_cast<float>(top);
  const bool inside = p.x < set.view.width;
  const std::int64_t at = static_cast<std::int64_t>(p.y) * set.view.width + p.x;
  p.first = inside && p.y < set.view.height ? at : -1;
  p.second = inside && p.y + kLower < set.view.height ? at + static_cast<std::int64_t>(kLower) * set.view.width : -1;
  p.kept = warp * 2 * device::kWarp + lane;
  return p;
}

// Where a pixel's part of what is kept of a tile begins; channels are 256 apart.
VIDEOENGINE_DEVICE std::int64_t kept_of(int channels, int within) {
  return static_cast<std::int64_t>(device::block_of()) * (channels + 1) * kTilePixels + within;
}

struct WalkIn {
  const Quad* records;
  const Quad* normals;
  const Span* spans;
  const std::uint32_t* pairs;
  Setting<float> set;
};

// Records of one batch. An odd number of quads apart, lanes read theirs without a conflict of banks.
template <int kBatch, int kChannels>
struct Stage {
  static constexpr int kQuads = kChannels == kFull ? kRecord + 1 : kRecord;
  static constexpr int kStride = kChannels == kFull ? kRecord + 2 : kRecord;
  Quad quads[kBatch * kStride];
};

template <int kBatch, int kChannels>
VIDEOENGINE_DEVICE void fill(const WalkIn& in, int first, int count, Stage<kBatch, kChannels>& stage) {
  constexpr int kQuads = Stage<kBatch, kChannels>::kQuads, kStride = Stage<kBatch, kChannels>::kStride;
  for (int i = device::thread_of(); i < count * kQuads; i += device::kThreads) {
    const int own = i / kQuads, q = i % kQuads;
    const std::int64_t id = in.pairs[first + own];
    stage.quads[own * kStride + q] = q < kRecord ? in.records[kRecord * id + q] : in.normals[id];
  }
}

template <int kBatch, int kChannels>
VIDEOENGINE_DEVICE Splat<float> staged(const Stage<kBatch, kChannels>& stage, int own) {
  const Quad* quads = stage.quads + own * Stage<kBatch, kChannels>::kStride;
  Splat<float> s = splat_of(quads[0], quads[1], quads[2]);
  if constexpr (kChannels == kFull) {
    const Quad normal = quads[kRecord];
    s.normal[0] = normal.x, s.normal[1] = normal.y, s.normal[2] = normal.z;
  }
  return s;
}

// Which of 32 staged records may touch this warp's pixels.
template <int kBatch, int kChannels>
VIDEOENGINE_DEVICE unsigned touching(const WalkIn& in, const Stage<kBatch, kChannels>& stage, int own, int count,
                                     const Pixels& pixels) {
  bool may = own < count;
  if (may && in.set.cull) {
    const Quad* quads = stage.quads + own * Stage<kBatch, kChannels>::kStride;
    const Quad one = quads[0], two = quads[1];
    Splat<float> s;
    s.x = one.x, s.y = one.y, s.a = one.z, s.b = one.w, s.c = two.x, s.level = two.y;
    constexpr float kSide = kQuarter - 1;
    may = may_touch(s, in.set.rules, pixels.left, pixels.left + kSide, pixels.top, pixels.top + kSide);
  }
  return device::warp_votes(may);
}

VIDEOENGINE_DEVICE bool lit(Pair light) { return light.a > 0.0f || light.b > 0.0f; }

// Runs over the tile's list, the nearest first. `visit(place in the batch, splat)` by the whole warp for every
// splat that may touch its pixels, until all have ended, and true where there is something to hand over;
// `close(group of 32, places)` by the warp tells which those were, and `done(first pair, count)` by the block
// ends each batch.
template <int kBatch, int kChannels, class Visit, class Close, class Done>
VIDEOENGINE_DEVICE void walk(const WalkIn& in, const Pixels& pixels, const Pair& light, const Visit& visit,
                             const Close& close, const Done& done) {
  VIDEOENGINE_SHARED Stage<kBatch, kChannels> stage;
  const Span span = in.spans[device::block_of()];
  for (int first = span.first; first < span.end; first += kBatch) {
    if (!device::block_any(lit(light))) break;  // and nobody reads the stage any more
    const int count = math::minimum(kBatch, span.end - first);
    fill(in, first, count, stage);
    device::block_wait();
    for (int group = 0; group < count; group += device::kWarp) {
      unsigned said = 0;
      if (device::warp_any(lit(light))) {
        unsigned votes = touching(in, stage, group + device::lane_of(), count, pixels);
        for (; votes != 0; votes &= votes - 1) {
          const int place = device::lowest(votes), own = group + place;
          if (visit(own, staged(stage, own))) said |= 1u << place;
        }
      }
      close(group / device::kWarp, said);
    }
    done(first, count);
  }
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
