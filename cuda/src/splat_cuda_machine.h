// How a CUDA device runs the steps of a pass. Sorting and summing are CUB's, compiled once.
#pragma once

#include <cuda_runtime.h>

#include "splat_device_pipeline.h"

namespace videoengine::splats::cuda {

std::size_t sort_bytes(std::int64_t count, int bits);
std::size_t sum_bytes(std::int64_t count);
// Stable.
const char* sort(cudaStream_t queue, void* temporary, std::size_t bytes, const std::uint32_t* keys,
                 std::uint32_t* sorted, const std::uint32_t* values, std::uint32_t* order, std::int64_t count, int bits);
// In place: every number becomes the sum of those before.
const char* sum(cudaStream_t queue, void* temporary, std::size_t bytes, std::int64_t* numbers, std::int64_t count);

}  // namespace videoengine::splats::cuda

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

struct CudaMachine {
  using Queue = cudaStream_t;
  static Queue queue_of(void* stream) { return static_cast<Queue>(stream); }

  template <class... Wanted, class... Given>
  static const char* launch(Queue queue, void (*kernel)(Wanted...), int blocks, const Given&... given) {
    kernel<<<blocks, device::kThreads, 0, queue>>>(given...);
    return failure_of(cudaGetLastError());
  }
  static const char* clear(Queue queue, void* at, int byte, std::size_t bytes) {
    return failure_of(cudaMemsetAsync(at, byte, bytes, queue));
  }
  static std::size_t sort_bytes(std::int64_t count, int bits) { return splats::cuda::sort_bytes(count, bits); }
  static std::size_t sum_bytes(std::int64_t count) { return splats::cuda::sum_bytes(count); }
  static const char* sort(Queue queue, void* temporary, std::size_t bytes, const std::uint32_t* keys,
                          std::uint32_t* sorted, const std::uint32_t* values, std::uint32_t* order,
                          std::int64_t count, int bits) {
    return splats::cuda::sort(queue, temporary, bytes, keys, sorted, values, order, count, bits);
  }
  static const char* sum(Queue queue, void* temporary, std::size_t bytes, std::int64_t* numbers, std::int64_t count) {
    return splats::cuda::sum(queue, temporary, bytes, numbers, count);
  }
  static const char* failure_of(cudaError_t status) {
    return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
  }
};

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
