// What kernels ask of the machine they run on: a GPU, or warps that are emulated on a CPU.
#pragma once

#include <cstdint>

#include "videoengine/math3.h"

#ifdef __CUDACC__
#define VIDEOENGINE_KERNEL __global__ void __launch_bounds__(128)
#define VIDEOENGINE_DEVICE __device__ __forceinline__
#define VIDEOENGINE_SHARED __shared__

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace device {

using Quad = float4;
VIDEOENGINE_DEVICE Quad make_quad(float x, float y, float z, float w) { return make_float4(x, y, z, w); }
using Word = unsigned long long;
constexpr unsigned kAll = ~0u;

VIDEOENGINE_DEVICE int thread_of() { return static_cast<int>(threadIdx.x); }
VIDEOENGINE_DEVICE int block_of() { return static_cast<int>(blockIdx.x); }
VIDEOENGINE_DEVICE void block_wait() { __syncthreads(); }
VIDEOENGINE_DEVICE bool block_any(bool mine) { return __syncthreads_or(mine ? 1 : 0) != 0; }
VIDEOENGINE_DEVICE void warp_wait() { __syncwarp(); }
VIDEOENGINE_DEVICE unsigned warp_votes(bool mine) { return __ballot_sync(kAll, mine); }
VIDEOENGINE_DEVICE bool warp_any(bool mine) { return __any_sync(kAll, mine) != 0; }
VIDEOENGINE_DEVICE float from_lane(float mine, int lane) { return __shfl_sync(kAll, mine, lane); }
VIDEOENGINE_DEVICE int from_lane(int mine, int lane) { return __shfl_sync(kAll, mine, lane); }
VIDEOENGINE_DEVICE float from_across(float mine, int offset) { return __shfl_xor_sync(kAll, mine, offset); }
VIDEOENGINE_DEVICE int lowest(unsigned votes) { return __ffs(static_cast<int>(votes)) - 1; }
VIDEOENGINE_DEVICE int votes_in(unsigned votes) { return __popc(votes); }
VIDEOENGINE_DEVICE void add(Quad* to, Quad value) { atomicAdd(to, value); }
VIDEOENGINE_DEVICE void lower(Word* to, Word value) { atomicMin(to, value); }
}  // namespace device
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
#else
#define VIDEOENGINE_KERNEL void
#define VIDEOENGINE_DEVICE inline
#define VIDEOENGINE_SHARED static thread_local
#include "splat_device_emulated.h"
#endif

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace device {

constexpr int kThreads = 128;  // of every block
constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;

// For x in [-126, 127]. VIDEOENGINE_APPROXIMATE: by one instruction of the GPU, 2 units in the last place;
// else by the CPU's polynomial.
VIDEOENGINE_HD float power_of_two(float x) {
#if defined(VIDEOENGINE_APPROXIMATE) && defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return math::bounded_power_of_two(x);
#endif
}

// For y in [2^-126, 2^126]. VIDEOENGINE_APPROXIMATE: by the reciprocal, 2 units in the last place.
VIDEOENGINE_HD float quotient(float x, float y) {
#if defined(VIDEOENGINE_APPROXIMATE) && defined(__CUDA_ARCH__)
  return __fdividef(x, y);
#else
  return x / y;
#endif
}

VIDEOENGINE_DEVICE int lane_of() { return thread_of() % kWarp; }
VIDEOENGINE_DEVICE int warp_of() { return thread_of() / kWarp; }
VIDEOENGINE_DEVICE std::int64_t index_of() { return static_cast<std::int64_t>(block_of()) * kThreads + thread_of(); }

}  // namespace device
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
