// The order of kernels of a pass, on a `Machine` that launches them, clears bytes, sorts and sums.
//
// Nothing here waits for the device: a machine that captures a graph takes every step as it is.
#pragma once

#include "splat_device_blend.h"
#include "splat_device_blend_back.h"
#include "splat_device_project.h"
#include "splat_device_tiles.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

using splats::DevicePart;
using splats::PictureGradients;
using splats::Pictures;
using splats::Scene;
using splats::SceneGradients;

inline int blocks_for(std::int64_t count) {
  return static_cast<int>((count + device::kThreads - 1) / device::kThreads);
}

// Bits of a tile's key; all of them set are no tile.
inline int bits_of_tiles(std::int64_t tiles) {
  int bits = 1;
  while ((std::int64_t{1} << bits) <= tiles) ++bits;
  return bits;
}

// Steps in one queue; what comes after a failure is left out.
template <class Machine>
class Steps {
 public:
  explicit Steps(void* stream) : queue_(Machine::queue_of(stream)) {}
  template <class... Wanted, class... Given>
  void launch(void (*kernel)(Wanted...), std::int64_t blocks, const Given&... given) {
    if (!failure_ && blocks > 0) failure_ = Machine::launch(queue_, kernel, static_cast<int>(blocks), given...);
  }
  void clear(void* at, int byte, std::size_t bytes) {
    if (!failure_ && bytes > 0) failure_ = Machine::clear(queue_, at, byte, bytes);
  }
  void sort(void* temporary, std::size_t bytes, const std::uint32_t* keys, std::uint32_t* sorted,
            const std::uint32_t* values, std::uint32_t* order, std::int64_t count, int bits) {
    if (!failure_ && count > 0) {
      failure_ = Machine::sort(queue_, temporary, bytes, keys, sorted, values, order, count, bits);
    }
  }
  void sum(void* temporary, std::size_t bytes, std::int64_t* numbers, std::int64_t count) {
    if (!failure_) failure_ = Machine::sum(queue_, temporary, bytes, numbers, count);
  }
  const char* failure() const { return failure_; }

 private:
  typename Machine::Queue queue_;
  const char* failure_ = nullptr;
};

template <class Machine>
class DeviceRasterizer final : public splats::DeviceRasterizer {
 public:
  std::size_t bytes(const DeviceJob& job, DevicePart part) const override {
    const Extent extent = extent_of(job);
    switch (part) {
      case DevicePart::kFront: return front_of(nullptr, extent).size;
      case DevicePart::kTiles: return lists_of(nullptr, nullptr, extent).size;
      case DevicePart::kCount: return count_scratch_of(nullptr, extent, count_sorter(extent)).size;
      case DevicePart::kDraw: return draw_scratch_of(nullptr, extent, draw_sorter(extent)).size;
      default: return back_scratch_of(nullptr, extent).size;
    }
  }

  const char* count(const DeviceJob& job, void* front, void* scratch, void* stream) const override {
    const Extent extent = extent_of(job);
    const Front f = front_of(front, extent);
    const std::size_t sorter = count_sorter(extent);
    const CountScratch s = count_scratch_of(scratch, extent, sorter);
    const std::int64_t n = extent.gaussians;
    const DeviceView view{setting_of(job.shot), job.shot.pose};
    Steps<Machine> steps(stream);
    steps.clear(&f.state->fault, 0xff, sizeof f.state->fault);
    steps.launch(of_degree(job.scene.degree), n > 0 ? blocks_for(n) : 1, job.scene, view, job.shot.background, f,
                 s.keys, s.numbers);
    steps.sort(s.sorter, sorter, s.keys, s.sorted_keys, s.numbers, s.order, n, 32);
    steps.launch(order_kernel, blocks_for(n + 1), s.order, f.counts, n, s.firsts);
    steps.sum(s.sorter, sorter, s.firsts, n + 1);
    steps.launch(decide_kernel, 1, f.state, s.firsts, n, extent.capacity);
    return steps.failure();
  }

  const char* draw(const DeviceJob& job, void* front, const splats::DeviceLists& lists, const void* scratch_of_count,
                   void* scratch, const Pictures<float>& out, void* stream) const override {
    const Extent extent = extent_of(job);
    const Front f = front_of(front, extent);
    const Lists l = lists_of(lists.tiles, lists.pairs, extent);
    const CountScratch counted =
        count_scratch_of(const_cast<void*>(scratch_of_count), extent, count_sorter(extent));
    const std::size_t sorter = draw_sorter(extent);
    const DrawScratch s = draw_scratch_of(scratch, extent, sorter);
    const Setting<float> set = setting_of(job.shot);
    Steps<Machine> steps(stream);
    steps.clear(s.tiles, 0xff, sizeof(std::uint32_t) * extent.capacity);
    steps.clear(l.spans, 0, sizeof(Span) * extent.tiles);
    steps.launch(emit_kernel, blocks_for(extent.gaussians), f, set, extent.gaussians,
                 Emission{counted.order, counted.firsts, s.tiles, s.values, s.owners});
    steps.sort(s.sorter, sorter, s.tiles, s.sorted_tiles, s.values, extent.deterministic ? l.slots : l.pairs,
               extent.capacity, bits_of_tiles(extent.tiles));
    steps.launch(span_kernel, blocks_for(extent.capacity), s.sorted_tiles, extent.capacity, extent.tiles, l, s.owners);
    const WalkIn walk{f.records, f.normals, l.spans, l.pairs, set};
    steps.launch(of_pictures(job.shot), extent.tiles, walk, job.shot.background, out, l.sums);
    return steps.failure();
  }

  const char* backward(const DeviceJob& job, const void* front, const splats::DeviceLists& lists, void* scratch,
                       const PictureGradients<float>& in, const SceneGradients<float>& out,
                       void* stream) const override {
    const Extent extent = extent_of(job);
    const Front f = front_of(const_cast<void*>(front), extent);
    const Lists l = lists_of(lists.tiles, lists.pairs, extent);
    const BackScratch s = back_scratch_of(scratch, extent);
    const DeviceView view{setting_of(job.shot), job.shot.pose};
    const int quads = quads_of_row(extent.channels);
    const std::int64_t rows = extent.deterministic ? extent.capacity : extent.gaussians;
    Steps<Machine> steps(stream);
    steps.clear(s.rows, 0, sizeof(Quad) * rows * quads);
    const BlendBackIn blend{{f.records, f.normals, l.spans, l.pairs, view.set},
                            f.state, l.sums, job.shot.background, in, s.rows, l.slots, s.grounds[0]};
    steps.launch(of_gradients(job.shot, out), extent.tiles, blend);
    const BackIn back{f, s.rows, quads, extent.deterministic, job.shot.with_normals, out.absolute != nullptr};
    const std::int64_t blocks = blocks_for(extent.gaussians);
    steps.launch(back_of_degree(job.scene.degree), blocks, job.scene, view, back, out, s.poses[0]);
    summed<kPoseRow>(steps, s.poses, blocks, out.pose, kPoseRow, f.state);
    summed<kBackgroundRow>(steps, s.grounds, extent.tiles, out.background, kColors, f.state);
    return steps.failure();
  }

  const char* note(const void* front, splats::DeviceLedger* ledger, void* stream) const override {
    Steps<Machine> steps(stream);
    steps.launch(note_kernel, 1, static_cast<const DeviceState*>(front), ledger);
    return steps.failure();
  }

 private:
  static std::size_t count_sorter(const Extent& extent) {
    const std::size_t sort = Machine::sort_bytes(extent.gaussians, 32), sum = Machine::sum_bytes(extent.gaussians + 1);
    return sort > sum ? sort : sum;
  }
  static std::size_t draw_sorter(const Extent& extent) {
    return Machine::sort_bytes(extent.capacity, bits_of_tiles(extent.tiles));
  }

  // Rows to one, in rounds of 256 rows a block; two buffers take turns.
  template <int kWidth>
  static void summed(Steps<Machine>& steps, float* const buffers[2], std::int64_t rows, float* out, int used,
                     const DeviceState* state) {
    int from = 0;
    for (; blocks_of_rows(rows) > 1; rows = blocks_of_rows(rows), from = 1 - from) {
      steps.launch(sum_rows_kernel<kWidth>, blocks_of_rows(rows), buffers[from], rows, buffers[1 - from], kWidth,
                   kWidth, state);
    }
    steps.launch(sum_rows_kernel<kWidth>, 1, buffers[from], rows, out, kWidth, used, state);
  }

  using Project = void (*)(Scene<float>, DeviceView, const float*, Front, std::uint32_t*, std::uint32_t*);
  static Project of_degree(int degree) {
    constexpr Project kernels[] = {project_kernel<0>, project_kernel<1>, project_kernel<2>, project_kernel<3>};
    return kernels[degree];
  }
  using Back = void (*)(Scene<float>, DeviceView, BackIn, SceneGradients<float>, float*);
  static Back back_of_degree(int degree) {
    constexpr Back kernels[] = {project_back_kernel<0>, project_back_kernel<1>, project_back_kernel<2>,
                                project_back_kernel<3>};
    return kernels[degree];
  }
  using Blend = void (*)(WalkIn, const float*, Pictures<float>, float*);
  static Blend of_pictures(const splats::Shot<float>& shot) {
    if (shot.with_normals) return shot.with_median ? Blend{blend_kernel<kFull, true>} : Blend{blend_kernel<kFull, false>};
    return shot.with_median ? Blend{blend_kernel<kPlain, true>} : Blend{blend_kernel<kPlain, false>};
  }
  using BlendBack = void (*)(BlendBackIn);
  static BlendBack of_gradients(const splats::Shot<float>& shot, const SceneGradients<float>& out) {
    if (shot.with_normals) {
      return out.absolute ? BlendBack{blend_back_kernel<kFull, true>} : BlendBack{blend_back_kernel<kFull, false>};
    }
    return out.absolute ? BlendBack{blend_back_kernel<kPlain, true>} : BlendBack{blend_back_kernel<kPlain, false>};
  }
};

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
