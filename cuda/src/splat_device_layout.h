// What a pass on a device keeps, and what it needs meanwhile: arrays one after the other in blocks of bytes
// that the caller allocates, each aligned to 256 bytes.
#pragma once

#include "splat_device_platform.h"
#include "videoengine/splat_device.h"
#include "videoengine/splat_setting.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

using device::Quad;
using device::Word;
using splats::DeviceJob;
using splats::DeviceState;

constexpr int kRecord = 3;             // quads of a splat: (x y a b) (c level depth reach_x) (color reach_y)
constexpr std::uint32_t kNowhere = ~0u;  // the key of what is not seen, and the tile of no pair

struct Extent {
  std::int64_t gaussians, tiles, capacity;
  int channels;
  bool deterministic;
};

inline Extent extent_of(const DeviceJob& job) {
  const std::int64_t columns = (job.shot.width + kTile - 1) / kTile, rows = (job.shot.height + kTile - 1) / kTile;
  return {job.scene.count, columns * rows, job.capacity, job.shot.with_normals ? kFull : kPlain, job.deterministic};
}

class Layout {
 public:
  explicit Layout(void* base) : base_(static_cast<std::uint8_t*>(base)) {}
  template <class T>
  T* take(std::int64_t count) {
    T* here = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
    return here;
  }
  std::size_t used() const { return used_; }

 private:
  std::uint8_t* base_;
  std::size_t used_ = 0;
};

// Of every Gaussian.
struct Front {
  DeviceState* state;
  Quad* records;         // (gaussians, kRecord)
  Quad* normals;         // (gaussians), or null
  std::int32_t* counts;  // (gaussians): tiles that it may touch; 0: not seen
  std::uint32_t* places; // (gaussians): its first pair in the order of emission; null unless deterministic
  std::size_t size;
};
inline Front front_of(void* base, const Extent& extent) {
  Layout at(base);
  Front f;
  f.state = at.take<DeviceState>(1);
  f.records = at.take<Quad>(kRecord * extent.gaussians);
  f.normals = extent.channels == kFull ? at.take<Quad>(extent.gaussians) : nullptr;
  f.counts = at.take<std::int32_t>(extent.gaussians);
  f.places = extent.deterministic ? at.take<std::uint32_t>(extent.gaussians) : nullptr;
  f.size = at.used();
  return f;
}

struct Span {
  std::int32_t first, end;
};

// Of every tile, and of every pair of splat and tile; pairs lie in an array of their own.
struct Lists {
  Span* spans;           // (tiles): of `pairs`
  float* sums;           // (tiles, channels + 1, 256): sums of the channels, and the light left
  std::uint32_t* pairs;  // (capacity): which Gaussian, tile by tile, the nearest first
  std::uint32_t* slots;  // (capacity): its place in the order of emission; null unless deterministic
  std::size_t size;      // without the pairs
};
inline Lists lists_of(void* base, std::uint32_t* pairs, const Extent& extent) {
  Layout at(base);
  Lists l;
  l.spans = at.take<Span>(extent.tiles);
  l.sums = at.take<float>(extent.tiles * (extent.channels + 1) * kTilePixels);
  l.pairs = pairs;
  l.slots = extent.deterministic && pairs ? pairs + extent.capacity : nullptr;
  l.size = at.used();
  return l;
}

struct CountScratch {
  std::uint32_t *keys, *sorted_keys;  // (gaussians): bits of the depth
  std::uint32_t *numbers, *order;     // (gaussians): of Gaussians, by number and by depth
  std::int64_t* firsts;               // (gaussians + 1): a splat's first pair, by depth
  std::uint8_t* sorter;
  std::size_t size;
};
inline CountScratch count_scratch_of(void* base, const Extent& extent, std::size_t sorter) {
  Layout at(base);
  CountScratch s;
  s.keys = at.take<std::uint32_t>(extent.gaussians), s.sorted_keys = at.take<std::uint32_t>(extent.gaussians);
  s.numbers = at.take<std::uint32_t>(extent.gaussians), s.order = at.take<std::uint32_t>(extent.gaussians);
  s.firsts = at.take<std::int64_t>(extent.gaussians + 1);
  s.sorter = at.take<std::uint8_t>(static_cast<std::int64_t>(sorter));
  s.size = at.used();
  return s;
}

struct DrawScratch {
  std::uint32_t *tiles, *sorted_tiles;  // (capacity): keys
  std::uint32_t* values;                // (capacity): Gaussians, or places in the order of emission
  std::uint32_t* owners;                // (capacity): Gaussians by place of emission; null unless deterministic
  std::uint8_t* sorter;
  std::size_t size;
};
inline DrawScratch draw_scratch_of(void* base, const Extent& extent, std::size_t sorter) {
  Layout at(base);
  DrawScratch s;
  s.tiles = at.take<std::uint32_t>(extent.capacity), s.sorted_tiles = at.take<std::uint32_t>(extent.capacity);
  s.values = at.take<std::uint32_t>(extent.capacity);
  s.owners = extent.deterministic ? at.take<std::uint32_t>(extent.capacity) : nullptr;
  s.sorter = at.take<std::uint8_t>(static_cast<std::int64_t>(sorter));
  s.size = at.used();
  return s;
}

VIDEOENGINE_HD constexpr int quads_of_row(int channels) { return channels == kFull ? 4 : 3; }
constexpr int kPoseRow = 12, kBackgroundRow = 4;  // numbers of a row that is summed over blocks
constexpr int kRowsOfBlock = 256;                 // rows that a block sums

inline std::int64_t blocks_of_rows(std::int64_t rows) { return (rows + kRowsOfBlock - 1) / kRowsOfBlock; }

struct BackScratch {
  Quad* rows;         // (gaussians or, deterministic, capacity; 3 or 4): sums over pixels
  float* poses[2];    // (blocks of Gaussians, 12), and their sums
  float* grounds[2];  // (tiles, 4), and their sums
  std::size_t size;
};
inline BackScratch back_scratch_of(void* base, const Extent& extent) {
  Layout at(base);
  BackScratch s;
  const std::int64_t blocks = (extent.gaussians + device::kThreads - 1) / device::kThreads;
  s.rows = at.take<Quad>((extent.deterministic ? extent.capacity : extent.gaussians) * quads_of_row(extent.channels));
  s.poses[0] = at.take<float>(blocks * kPoseRow), s.poses[1] = at.take<float>(blocks_of_rows(blocks) * kPoseRow);
  s.grounds[0] = at.take<float>(extent.tiles * kBackgroundRow);
  s.grounds[1] = at.take<float>(blocks_of_rows(extent.tiles) * kBackgroundRow);
  s.size = at.used();
  return s;
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
