// Sorting and summing on a CUDA device, by CUB. Neither allocates nor waits.
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

namespace videoengine::splats::cuda {
namespace {
const char* failure_of(cudaError_t status) { return status == cudaSuccess ? nullptr : cudaGetErrorString(status); }
}  // namespace

std::size_t sort_bytes(std::int64_t count, int bits) {
  std::size_t bytes = 0;
  const std::uint32_t* keys = nullptr;
  std::uint32_t* out = nullptr;
  cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, out, keys, out, static_cast<int>(count), 0, bits);
  return bytes;
}

std::size_t sum_bytes(std::int64_t count) {
  std::size_t bytes = 0;
  std::int64_t* numbers = nullptr;
  cub::DeviceScan::ExclusiveSum(nullptr, bytes, numbers, numbers, static_cast<int>(count));
  return bytes;
}

const char* sort(cudaStream_t queue, void* temporary, std::size_t bytes, const std::uint32_t* keys,
                 std::uint32_t* sorted, const std::uint32_t* values, std::uint32_t* order, std::int64_t count,
                 int bits) {
  return failure_of(cub::DeviceRadixSort::SortPairs(temporary, bytes, keys, sorted, values, order,
                                                    static_cast<int>(count), 0, bits, queue));
}

const char* sum(cudaStream_t queue, void* temporary, std::size_t bytes, std::int64_t* numbers, std::int64_t count) {
  return failure_of(cub::DeviceScan::ExclusiveSum(temporary, bytes, numbers, numbers, static_cast<int>(count), queue));
}

}  // namespace videoengine::splats::cuda
