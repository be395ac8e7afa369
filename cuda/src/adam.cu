// Adam on a CUDA device: three kernels, none of which tells the host anything, so that a graph holds them.
//
// advance_kernel: one thread. plan_kernel: a thread a Gaussian. move_kernel: a thread a number, neighbors in
// memory; grid.y is the field. Blocks of 256 threads.
#include <cuda_runtime.h>

#define VIDEOENGINE_ISA cuda
#include "videoengine/adam_row.h"

namespace videoengine {
namespace {

using adam::Field;
using adam::Job;
using adam::kFields;

constexpr int kThreads = 256;
using Word = unsigned long long;

template <class S>
__global__ void advance_kernel(Job<S> job) {
  adam_row::advance(job);
}

template <class S>
__global__ void __launch_bounds__(kThreads) plan_kernel(Job<S> job) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= job.count || job.clock[adam::kActive] == 0.0) return;
  const adam_row::Row row = adam_row::row_of(job, i);
  if (row == adam_row::Row::kMoves) return adam_row::plan(job, i);
  job.decays[2 * i] = S(adam_row::kRests);
  if (row == adam_row::Row::kFaulty) {
    atomicAdd(reinterpret_cast<Word*>(job.faults) + adam::kRows, Word{1});
    job.faults[adam::kLastRow] = i;
  }
}

template <class S>
__global__ void __launch_bounds__(kThreads) move_kernel(Job<S> job) {
  const int f = static_cast<int>(blockIdx.y);
  const Field<S> field = job.fields[f];
  if (!field.values || job.clock[adam::kActive] == 0.0) return;
  const adam_row::Pace<S> pace = adam_row::pace_of(job, f);
  const std::int64_t numbers = job.count * field.width;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < numbers; at += stride) {
    const std::int64_t i = at / field.width;
    const S of_first = job.decays[2 * i];
    if (of_first == S(adam_row::kRests)) continue;
    const S size = pace.size_of(static_cast<int>(at - i * field.width));
    adam_row::move(field, pace, at, size, of_first, job.decays[2 * i + 1]);
  }
}

const char* failure() {
  const cudaError_t status = cudaGetLastError();
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

template <class S>
const char* queue_step(const Job<S>& job, cudaStream_t stream) {
  if (job.count == 0) return nullptr;
  const unsigned int blocks = static_cast<unsigned int>((job.count + kThreads - 1) / kThreads);
  advance_kernel<S><<<1, 1, 0, stream>>>(job);
  if (const char* failed = failure()) return failed;
  plan_kernel<S><<<blocks, kThreads, 0, stream>>>(job);
  if (const char* failed = failure()) return failed;
  // four numbers a thread of the narrow fields, and more of harmonics
  move_kernel<S><<<dim3(blocks, kFields), kThreads, 0, stream>>>(job);
  return failure();
}

}  // namespace

namespace adam {

const char* step_cuda(const Job<float>& job, void* stream) { return queue_step(job, static_cast<cudaStream_t>(stream)); }
const char* step_cuda(const Job<double>& job, void* stream) {
  return queue_step(job, static_cast<cudaStream_t>(stream));
}

}  // namespace adam
}  // namespace videoengine
