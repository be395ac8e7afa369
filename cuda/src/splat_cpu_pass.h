// A pass on the CPU: what backward needs of forward, in one block of bytes.
#pragma once

#include <cstdint>

#include "videoengine/splat_setting.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {
namespace {

constexpr std::uint32_t kMagic = 0x53504c54;
constexpr int kRow = 16;  // numbers of a pair's row: 6 moments, up to 7 channels, 2 absolute slopes

// Blocks of kBlock x kBlock pixels, of the whole picture; all are included.
struct BlockBox {
  std::int32_t left, right, top, bottom;
};

// A pass is one block: header, then arrays one after the other, each aligned to 64 bytes.
struct Header {
  std::uint32_t magic, scalar_bytes;
  std::int64_t gaussians, visible, pairs;
  std::int32_t width, height, channels, degree;
};

template <class S>
struct Pass {
  Header* header;
  Splat<S>* splats;          // (visible), by depth
  std::int32_t* ids;         // (visible), which Gaussian
  BlockBox* boxes;           // (visible), the blocks of the picture that its box meets
  std::int64_t* firsts;      // (visible + 1), a splat's first place in `places`
  std::int64_t* starts;      // (tiles + 1), a tile's first pair
  std::int32_t* pairs;       // (pairs), which splat, tile by tile, by depth
  std::int64_t* places;      // (pairs), where a splat's pairs lie, splat by splat
  S* sums;                   // (tiles, channels + 1, 256): sums of the channels, and the light left
  std::size_t size;
};

// Splats lie by depth, so those of a tile are far apart in memory: they are asked for before their turn.
constexpr int kAhead = 12;
template <class S>
void fetch(const Splat<S>& splat) {
  const char* at = reinterpret_cast<const char*>(&splat);
  for (std::size_t line = 0; line < sizeof splat; line += 64) __builtin_prefetch(at + line);
}

inline std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

template <class S>
Pass<S> laid_out(std::uint8_t* at, std::int64_t visible, std::int64_t pairs, std::int64_t tiles, int channels) {
  Pass<S> pass;
  std::size_t used = 0;
  const auto take = [&](std::size_t bytes) {
    std::uint8_t* here = at + used;
    used += aligned(bytes);
    return here;
  };
  pass.header = reinterpret_cast<Header*>(take(sizeof(Header)));
  pass.splats = reinterpret_cast<Splat<S>*>(take(visible * sizeof(Splat<S>)));
  pass.ids = reinterpret_cast<std::int32_t*>(take(visible * sizeof(std::int32_t)));
  pass.boxes = reinterpret_cast<BlockBox*>(take(visible * sizeof(BlockBox)));
  pass.firsts = reinterpret_cast<std::int64_t*>(take((visible + 1) * sizeof(std::int64_t)));
  pass.starts = reinterpret_cast<std::int64_t*>(take((tiles + 1) * sizeof(std::int64_t)));
  pass.pairs = reinterpret_cast<std::int32_t*>(take(pairs * sizeof(std::int32_t)));
  pass.places = reinterpret_cast<std::int64_t*>(take(pairs * sizeof(std::int64_t)));
  pass.sums = reinterpret_cast<S*>(take(tiles * (channels + 1) * kTilePixels * sizeof(S)));
  pass.size = used;
  return pass;
}

}  // namespace
}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
