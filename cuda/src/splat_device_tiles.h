// The tiles of splats on a device, and the kernels that put pairs of splat and tile into lists.
#pragma once

#include "splat_device_layout.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kAlone = 8;  // tiles of a box that one lane looks through; larger boxes the whole warp

VIDEOENGINE_DEVICE Range range_of_lane(Range mine, int lane) {
  return {device::from_lane(mine.first, lane), device::from_lane(mine.last, lane)};
}

// Only what `touched` reads.
VIDEOENGINE_DEVICE Splat<float> shape_of_lane(const Splat<float>& mine, int lane) {
  Splat<float> s{};
  s.x = device::from_lane(mine.x, lane), s.y = device::from_lane(mine.y, lane);
  s.a = device::from_lane(mine.a, lane), s.b = device::from_lane(mine.b, lane);
  s.c = device::from_lane(mine.c, lane), s.level = device::from_lane(mine.level, lane);
  return s;
}

// Calls `found(first, number, place, tile)` for every tile that a lane's splat may touch: `place` counts them,
// in the order of tiles; `first` and `number` are that lane's own. Returns how many. The whole warp comes here.
template <class Found>
VIDEOENGINE_DEVICE int tiles_of_warp(bool seen, const Splat<float>& mine, const Setting<float>& set,
                                     std::uint32_t first, std::uint32_t number, const Found& found) {
  Splat<float> s = mine;
  if (!seen) s.x = s.y = s.a = s.b = s.c = s.level = 0.0f;
  const Box box = seen ? box_of(s, set) : Box{{0, -1}, {0, -1}};
  const int wide = math::maximum(box.across.last - box.across.first + 1, 0);
  const int cells = wide * math::maximum(box.down.last - box.down.first + 1, 0);
  int count = 0;
  if (cells <= kAlone) {
    for (int row = box.down.first; row <= box.down.last; ++row) {
      for (int column = box.across.first; column <= box.across.last; ++column) {
        if (touched(s, set, box, column, row)) found(first, number, count++, row * set.columns + column);
      }
    }
  }
  for (unsigned large = device::warp_votes(cells > kAlone); large != 0; large &= large - 1) {
    const int who = device::lowest(large);
    const Splat<float> theirs = shape_of_lane(s, who);
    const Box around{range_of_lane(box.across, who), range_of_lane(box.down, who)};
    const int of_row = device::from_lane(wide, who), all = device::from_lane(cells, who);
    const auto own = static_cast<std::uint32_t>(device::from_lane(static_cast<int>(first), who));
    const auto its = static_cast<std::uint32_t>(device::from_lane(static_cast<int>(number), who));
    int before = 0;
    for (int start = 0; start < all; start += device::kWarp) {
      const int cell = start + device::lane_of();
      const int row = around.down.first + cell / of_row, column = around.across.first + cell % of_row;
      const bool hit = cell < all && touched(theirs, set, around, column, row);
      const unsigned hits = device::warp_votes(hit);
      const int place = before + device::votes_in(hits & ((1u << device::lane_of()) - 1u));
      if (hit) found(own, its, place, row * set.columns + column);
      before += device::votes_in(hits);
    }
    if (device::lane_of() == who) count = before;
  }
  return count;
}

// Counts of tiles by depth; the last number is for the sum of all.
VIDEOENGINE_KERNEL order_kernel(const std::uint32_t* order, const std::int32_t* counts, std::int64_t gaussians,
                                std::int64_t* firsts) {
  const std::int64_t j = device::index_of();
  if (j <= gaussians) firsts[j] = j < gaussians ? counts[order[j]] : 0;
}

// One thread: whether the pass is drawn.
VIDEOENGINE_KERNEL decide_kernel(DeviceState* state, const std::int64_t* firsts, std::int64_t gaussians,
                                 std::int64_t capacity) {
  if (device::index_of() != 0) return;
  state->needed = firsts[gaussians];
  state->skipped = state->fault != splats::kNoFault || state->needed > capacity ? 1 : 0;
}

struct Emission {
  const std::uint32_t* order;
  const std::int64_t* firsts;
  std::uint32_t *tiles, *values, *owners;
};

// Writes pairs by depth; the sort by tile that follows keeps that order within a tile. Where rounding finds
// another number of tiles than was counted, what is left keeps the tile of no pair.
VIDEOENGINE_KERNEL emit_kernel(const Front front, const Setting<float> set, std::int64_t gaussians,
                               const Emission to) {
  if (front.state->skipped) return;
  const std::int64_t j = device::index_of();
  std::int64_t first = 0, end = 0;
  if (j < gaussians) first = to.firsts[j], end = to.firsts[j + 1];
  const bool seen = end > first;
  Splat<float> s{};
  std::uint32_t number = 0;
  if (seen) {
    number = to.order[j];
    const Quad* record = front.records + kRecord * static_cast<std::int64_t>(number);
    const Quad one = record[0], two = record[1], three = record[2];
    s.x = one.x, s.y = one.y, s.a = one.z, s.b = one.w, s.c = two.x, s.level = two.y;
    s.reach_x = two.w, s.reach_y = three.w;
    if (front.places) front.places[number] = static_cast<std::uint32_t>(first);
  }
  tiles_of_warp(seen, s, set, static_cast<std::uint32_t>(first), number,
                [&](std::uint32_t own, std::uint32_t its, int place, int tile) {
                  if (place >= front.counts[its]) return;
                  const std::uint32_t at = own + static_cast<std::uint32_t>(place);
                  to.tiles[at] = static_cast<std::uint32_t>(tile);
                  to.values[at] = to.owners ? at : its;
                  if (to.owners) to.owners[at] = its;
                });
}

// Where every tile's pairs lie, and which Gaussian a place of emission belongs to.
VIDEOENGINE_KERNEL span_kernel(const std::uint32_t* tiles, std::int64_t capacity, std::int64_t tile_count,
                               const Lists lists, const std::uint32_t* owners) {
  const std::int64_t n = device::index_of();
  if (n >= capacity) return;
  const std::uint32_t tile = tiles[n];
  if (tile >= static_cast<std::uint64_t>(tile_count)) return;
  if (n == 0 || tiles[n - 1] != tile) lists.spans[tile].first = static_cast<std::int32_t>(n);
  if (n == capacity - 1 || tiles[n + 1] != tile) lists.spans[tile].end = static_cast<std::int32_t>(n + 1);
  if (owners) lists.pairs[n] = owners[lists.slots[n]];
}

// One thread: a pass into the ledger of its steps.
VIDEOENGINE_KERNEL note_kernel(const DeviceState* state, splats::DeviceLedger* ledger) {
  if (device::index_of() != 0) return;
  ledger->steps += 1;
  ledger->skipped += state->skipped;
  ledger->last_skipped = state->skipped;
  ledger->most_needed = math::maximum(ledger->most_needed, state->needed);
  if (ledger->fault == splats::kNoFault) ledger->fault = state->fault;
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
