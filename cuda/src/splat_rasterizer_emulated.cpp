// The kernels of the rasterizer on emulated warps: what a GPU computes, slowly, where there is none.
#define VIDEOENGINE_ISA emulated_device
#include <algorithm>
#include <numeric>
#include <vector>

#include "splat_device_pipeline.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {
namespace {

struct EmulatedMachine {
  using Queue = std::uint64_t;
  static Queue queue_of(void* stream) { return reinterpret_cast<std::uintptr_t>(stream); }

  template <class... Wanted, class... Given>
  static const char* launch(Queue seed, void (*kernel)(Wanted...), int blocks, const Given&... given) {
    const bool ended = emulated::run(blocks, seed, [&] { kernel(given...); });
    return ended ? nullptr : "threads wait for one that never comes";
  }
  static const char* clear(Queue, void* at, int byte, std::size_t bytes) {
    memset(at, byte, bytes);
    return nullptr;
  }
  // A GPU's sort needs room of its own; here it is left alone.
  static std::size_t sort_bytes(std::int64_t, int) { return 256; }
  static std::size_t sum_bytes(std::int64_t) { return 256; }
  static const char* sort(Queue, void*, std::size_t, const std::uint32_t* keys, std::uint32_t* sorted,
                          const std::uint32_t* values, std::uint32_t* order, std::int64_t count, int bits) {
    const std::uint32_t mask = bits < 32 ? (1u << bits) - 1u : ~0u;
    std::vector<std::int64_t> places(count);
    std::iota(places.begin(), places.end(), std::int64_t{0});
    std::stable_sort(places.begin(), places.end(),
                     [&](std::int64_t a, std::int64_t b) { return (keys[a] & mask) < (keys[b] & mask); });
    for (std::int64_t i = 0; i < count; ++i) sorted[i] = keys[places[i]], order[i] = values[places[i]];
    return nullptr;
  }
  static const char* sum(Queue, void*, std::size_t, std::int64_t* numbers, std::int64_t count) {
    std::exclusive_scan(numbers, numbers + count, numbers, std::int64_t{0});
    return nullptr;
  }
};

const DeviceRasterizer<EmulatedMachine> kEmulated;

}  // namespace
}  // namespace splat
}  // namespace VIDEOENGINE_ISA

const splats::DeviceRasterizer& splats::device_rasterizer_emulated() { return splat::kEmulated; }

}  // namespace videoengine
