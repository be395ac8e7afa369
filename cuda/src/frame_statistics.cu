// CUDA side of frame_statistics: the same functions, summed in another order, so the same integers.
//
// cells_kernel: one block of 256 threads a cell, grid (kGridColumns, kGridRows). A thread takes every
// 256th site of the cell, sums in registers; sums meet by warp shuffles, then in shared memory.
// edges_kernel: 4 blocks of 64 threads, a thread each for 2 axes x 64 probes x 2 ends.
#include <cuda_runtime.h>

#include "videoengine/frame_statistics.h"

namespace videoengine::statistics {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
using Wide = unsigned long long;

__device__ Code luma_at(const Source& s, int row, int column) {
  row = row < 0 ? 0 : row, column = column < 0 ? 0 : column;
  return static_cast<Code>(s.layout == Layout::kRgb24
                               ? site_of_rgb(s, row, column).luma
                               : scaled_luma(luma_sum(s, row, column), s.full_range));
}

__device__ void add_site(const Source& s, int row, int column, long long* sums) {
  const Site site = site_at(s, row, column);
  const Code y = static_cast<Code>(site.luma), b = static_cast<Code>(site.cb);
  const Code r = static_cast<Code>(site.cr);
  const Code left = luma_at(s, row, column - 1), above = luma_at(s, row - 1, column);
  sums[kSites] += 1, sums[kLuma] += y, sums[kLumaSquared] += y * y;
  sums[kCb] += b, sums[kCr] += r;
  sums[kGradient] += magnitude(static_cast<Code>(left - y)) + magnitude(static_cast<Code>(above - y));
  sums[kLaplacian] += second_difference(luma_at(s, row, column - 2), left, y) +
                      second_difference(luma_at(s, row - 2, column), above, y);
  sums[kDark] += is_dark(y), sums[kClipped] += is_clipped(y);
  sums[kHighlight] += is_highlight(y, b, r), sums[kTissue] += is_tissue(y, b, r);
  sums[kRed] += is_red(y, r);
}

__device__ Wide warp_sum(Wide value) {
  for (int offset = 16; offset > 0; offset >>= 1) value += __shfl_down_sync(~0u, value, offset);
  return value;
}

__global__ void cells_kernel(Source s, std::int64_t* out) {
  __shared__ Wide parts[kChannels][kWarps];
  __shared__ unsigned int bins[kHistogramBins];
  const int top = cell_start(blockIdx.y, kGridRows, s.rows);
  const int bottom = cell_start(blockIdx.y + 1, kGridRows, s.rows);
  const int left = cell_start(blockIdx.x, kGridColumns, s.columns);
  const int width = cell_start(blockIdx.x + 1, kGridColumns, s.columns) - left;
  if (threadIdx.x < kHistogramBins) bins[threadIdx.x] = 0;
  __syncthreads();
  long long sums[kChannels] = {};
  for (long long i = threadIdx.x; i < static_cast<long long>(bottom - top) * width; i += kThreads) {
    const int row = top + static_cast<int>(i / width), column = left + static_cast<int>(i % width);
    add_site(s, row, column, sums);
    if (row % 2 == 0 && column % 2 == 0) atomicAdd(&bins[luma_at(s, row, column) >> 2], 1u);
  }
  for (int k = 0; k < kChannels; ++k) {
    const Wide total = warp_sum(static_cast<Wide>(sums[k]));
    if (threadIdx.x % 32 == 0) parts[k][threadIdx.x / 32] = total;
  }
  __syncthreads();
  Wide* target = reinterpret_cast<Wide*>(out);
  if (threadIdx.x < kChannels) {
    const int k = threadIdx.x;
    Wide total = 0;
    for (int warp = 0; warp < kWarps; ++warp) total += parts[k][warp];
    const int cell = blockIdx.y * kGridColumns + blockIdx.x;
    target[cell * kChannels + k] = total;
  }
  if (threadIdx.x < kHistogramBins && bins[threadIdx.x]) {
    atomicAdd(target + kHistogramAt + threadIdx.x, static_cast<Wide>(bins[threadIdx.x]));
  }
}

__global__ void edges_kernel(Source s, std::int64_t* out) {
  const int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= 2 * kProbes * 2) return;
  const int axis = index / (2 * kProbes), probe = index / 2 % kProbes;
  out[kProbesAt + index] = edge_of_view(s, axis, probe, index % 2 == 1);
}

}  // namespace

const char* frame_statistics_cuda(const Source& source, void* stream, std::int64_t* out) {
  const auto queue = static_cast<cudaStream_t>(stream);
  cudaError_t status = cudaMemsetAsync(out, 0, sizeof(std::int64_t) * kLength, queue);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  cells_kernel<<<dim3(kGridColumns, kGridRows), kThreads, 0, queue>>>(source, out);
  status = cudaGetLastError();
  if (status != cudaSuccess) return cudaGetErrorString(status);
  edges_kernel<<<2 * kProbes * 2 / 64, 64, 0, queue>>>(source, out);
  status = cudaGetLastError();
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

}  // namespace videoengine::statistics
