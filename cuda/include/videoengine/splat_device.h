// The rasterizer on a device, as its callers see it: plain pointers, sizes in bytes, a stream's handle.
//
// A caller owns every byte: it asks for sizes, allocates, and queues `count`, `draw` and `backward`, none of
// which allocates, waits or copies to the host. How much is drawn is known on the device alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "videoengine/splat_rasterizer.h"

namespace videoengine::splats {

// What a pass came to; it lies at the start of a front.
struct DeviceState {
  unsigned long long fault;  // all ones: none; else (number of the Gaussian) * 8 + splat::Fault
  long long needed;          // pairs of splat and tile
  int skipped;               // 1: nothing was drawn, and all gradients are 0
  int reserved[11];
};
static_assert(sizeof(DeviceState) == 64, "Python reads it");

constexpr unsigned long long kNoFault = ~0ull;
constexpr unsigned long long kShotFault = ~0ull >> 3;  // in place of a Gaussian's number: pose or background

// What steps came to, kept by a caller from step to step.
struct DeviceLedger {
  long long steps, skipped, most_needed;
  unsigned long long fault;  // the first
  long long last_skipped;
};

// Pointers into the device, but for intrinsics, lamp and rules of the shot, which are read on the host.
struct DeviceJob {
  Scene<float> scene;
  Shot<float> shot;
  std::int64_t capacity;  // most pairs
  bool deterministic;     // gradients are summed in a fixed order
};

// Kept from forward to backward, like the front.
struct DeviceLists {
  void* tiles;
  std::uint32_t* pairs;  // (capacity); (2, capacity) if deterministic
};

// What a caller allocates beside the pairs: kept, or scratch of one function.
enum class DevicePart { kFront, kTiles, kCount, kDraw, kBackward };

// Every function returns nothing, or what failed.
class DeviceRasterizer {
 public:
  virtual ~DeviceRasterizer() = default;
  virtual std::size_t bytes(const DeviceJob& job, DevicePart part) const = 0;
  // Projects, sorts by depth and counts pairs. `scratch` goes on to `draw`.
  virtual const char* count(const DeviceJob& job, void* front, void* scratch, void* stream) const = 0;
  virtual const char* draw(const DeviceJob& job, void* front, const DeviceLists& lists, const void* scratch_of_count,
                           void* scratch, const Pictures<float>& out, void* stream) const = 0;
  virtual const char* backward(const DeviceJob& job, const void* front, const DeviceLists& lists, void* scratch,
                               const PictureGradients<float>& in, const SceneGradients<float>& out,
                               void* stream) const = 0;
  virtual const char* note(const void* front, DeviceLedger* ledger, void* stream) const = 0;
};

// `exact`: no fused multiply-add and no approximation, so that pictures are the CPU's.
const DeviceRasterizer& device_rasterizer_cuda();
const DeviceRasterizer& device_rasterizer_exact();
// The same kernels, run by emulated warps on one thread of the CPU; the stream's handle is the seed of the
// order in which threads take turns.
const DeviceRasterizer& device_rasterizer_emulated();

}  // namespace videoengine::splats
