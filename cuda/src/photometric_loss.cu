// The photometric loss on a CUDA device: the blocks of photometric_block.h, 16 x 16 pixels for 256 threads.
//
// loss_kernel, spread_kernel, back_kernel: a block of threads a block of pixels, grid (columns, rows); a
// block writes its sums to its own row. sum_kernel, settle_kernel: one block, which adds the rows of all in
// a fixed order; so two runs give the same bits. Shared memory: 22 KB in float, 44 KB in double.
#include <cuda_runtime.h>

#define VIDEOENGINE_ISA cuda
#include "videoengine/photometric_block.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace photometry {
namespace {

constexpr int kSide = 16, kThreads = kSide * kSide, kWarps = kThreads / 32;

// The sum over a block of threads, known to all of them.
__device__ double block_total(double mine) {
  __shared__ double parts[kWarps];
  for (int offset = 16; offset > 0; offset >>= 1) mine += __shfl_down_sync(~0u, mine, offset);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = mine;
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += parts[warp];
  __syncthreads();
  return sum;
}

// The threads of a block.
struct Threads {
  template <int R, int C, class Body>
  __device__ void each(const Body& body) const {
    for (int i = static_cast<int>(threadIdx.x); i < R * C; i += kThreads) body(i / C, i % C);
    __syncthreads();
  }
  template <class S, int R, int C>
  __device__ double total(const S (&part)[R][C]) const {
    double mine = 0;
    for (int i = static_cast<int>(threadIdx.x); i < R * C; i += kThreads) mine += double(part[i / C][i % C]);
    return block_total(mine);
  }
};

template <class S>
__global__ void __launch_bounds__(kThreads) loss_kernel(Job<S> job, S* maps, double* rows) {
  __shared__ Tile<S, kSide, kSide> tile;
  double sums[kSums] = {};
  loss_block(Threads(), job, static_cast<int>(blockIdx.y) * kSide, static_cast<int>(blockIdx.x) * kSide, maps, tile,
             sums);
  double* row = rows + (blockIdx.y * gridDim.x + blockIdx.x) * static_cast<std::size_t>(kSums);
  if (threadIdx.x == 0) {
    for (int k = 0; k < kSums; ++k) row[k] = sums[k];
  }
}

template <class S>
__global__ void __launch_bounds__(kThreads) spread_kernel(Job<S> job, const double* state, double* rows) {
  __shared__ Tile<S, kSide, kSide> tile;
  double sums[kSpreads] = {};
  spread_block(Threads(), job, static_cast<int>(blockIdx.y) * kSide, static_cast<int>(blockIdx.x) * kSide, state, tile,
               sums);
  double* row = rows + (blockIdx.y * gridDim.x + blockIdx.x) * static_cast<std::size_t>(kSpreads);
  if (threadIdx.x == 0) {
    for (int k = 0; k < kSpreads; ++k) row[k] = sums[k];
  }
}

template <class S>
__global__ void __launch_bounds__(kThreads) back_kernel(Job<S> job, Back<S> back) {
  __shared__ Tile<S, kSide, kSide> tile;
  back_block(Threads(), job, static_cast<int>(blockIdx.y) * kSide, static_cast<int>(blockIdx.x) * kSide, back, tile);
}

template <int N>
__device__ void add_rows(const double* rows, std::size_t count, double sums[N]) {
  double mine[N] = {};
  for (std::size_t i = threadIdx.x; i < count; i += kThreads) {
    for (int k = 0; k < N; ++k) mine[k] += rows[i * N + k];
  }
  for (int k = 0; k < N; ++k) sums[k] = block_total(mine[k]);
}

__global__ void __launch_bounds__(kThreads) sum_kernel(const double* rows, std::size_t count, double* sums,
                                                       double* state) {
  double found[kSums];
  add_rows<kSums>(rows, count, found);
  if (threadIdx.x != 0) return;
  for (int k = 0; k < kSums; ++k) sums[k] = found[k];
  settle_means(found, state);
}

// `rows` are those of spread_kernel; count 0: there are none.
template <class S>
__global__ void __launch_bounds__(kThreads) settle_kernel(Job<S> job, Found<S> out, const double* sums,
                                                          const double* rows, std::size_t count) {
  double spreads[kSpreads];
  add_rows<kSpreads>(rows, count, spreads);
  if (threadIdx.x == 0) settle(job, sums, spreads, out);
}

template <class S>
dim3 grid_of(const Job<S>& job) {
  return dim3((job.width + kSide - 1) / kSide, (job.height + kSide - 1) / kSide);
}

const char* failure() {
  const cudaError_t status = cudaGetLastError();
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

template <class S>
const char* queue_forward(const Job<S>& job, const Found<S>& out, double* scratch, cudaStream_t stream) {
  const dim3 grid = grid_of(job);
  const std::size_t blocks = static_cast<std::size_t>(grid.x) * grid.y;
  double *sums = scratch, *rows = scratch + kSums;
  loss_kernel<S><<<grid, kThreads, 0, stream>>>(job, out.maps, rows);
  if (const char* failed = failure()) return failed;
  sum_kernel<<<1, kThreads, 0, stream>>>(rows, blocks, sums, out.state);
  if (const char* failed = failure()) return failed;
  const bool spread = job.depth && job.pearson;
  if (spread) {
    spread_kernel<S><<<grid, kThreads, 0, stream>>>(job, out.state, rows);
    if (const char* failed = failure()) return failed;
  }
  settle_kernel<S><<<1, kThreads, 0, stream>>>(job, out, sums, rows, spread ? blocks : 0);
  return failure();
}

template <class S>
const char* queue_backward(const Job<S>& job, const Back<S>& back, cudaStream_t stream) {
  back_kernel<S><<<grid_of(job), kThreads, 0, stream>>>(job, back);
  return failure();
}

}  // namespace
}  // namespace photometry
}  // namespace VIDEOENGINE_ISA

namespace photometric {

std::size_t scratch_of_cuda(int width, int height) {
  const std::size_t side = photometry::kSide;
  return photometry::kSums * (1 + (width + side - 1) / side * ((height + side - 1) / side));
}

const char* forward_cuda(const Job<float>& job, const Found<float>& out, double* scratch, void* stream) {
  return photometry::queue_forward(job, out, scratch, static_cast<cudaStream_t>(stream));
}
const char* forward_cuda(const Job<double>& job, const Found<double>& out, double* scratch, void* stream) {
  return photometry::queue_forward(job, out, scratch, static_cast<cudaStream_t>(stream));
}
const char* backward_cuda(const Job<float>& job, const Back<float>& back, void* stream) {
  return photometry::queue_backward(job, back, static_cast<cudaStream_t>(stream));
}
const char* backward_cuda(const Job<double>& job, const Back<double>& back, void* stream) {
  return photometry::queue_backward(job, back, static_cast<cudaStream_t>(stream));
}

}  // namespace photometric
}  // namespace videoengine
