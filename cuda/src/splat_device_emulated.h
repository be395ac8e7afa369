// Blocks and warps of a GPU on one thread of a CPU, so that kernels are tested where no GPU is.
//
// Every thread of a block is a fiber that runs until it meets a barrier, a vote or a shuffle. Blocks run one
// after the other. A thread that never comes to a barrier where others wait is found, as a GPU would hang.
#pragma once

#include <cstdint>
#include <functional>

#include "videoengine/host_device.h"

namespace videoengine {
namespace emulated {

// Runs `body` by 128 threads in each of `blocks` blocks; threads take turns in an order drawn from `seed`.
// False when threads waited for one that never came.
bool run(int blocks, std::uint64_t seed, const std::function<void()>& body);

int thread_of();
int block_of();
void block_wait();
bool block_any(bool mine);
void warp_wait();
unsigned warp_votes(bool mine);
// The word of another lane of the warp.
std::uint32_t exchanged(std::uint32_t mine, int lane);

}  // namespace emulated

inline namespace VIDEOENGINE_ISA {
namespace device {

struct alignas(16) Quad {
  float x, y, z, w;
};
using Word = unsigned long long;
inline Quad make_quad(float x, float y, float z, float w) { return {x, y, z, w}; }

using emulated::block_any;
using emulated::block_of;
using emulated::block_wait;
using emulated::thread_of;
using emulated::warp_votes;
using emulated::warp_wait;

inline bool warp_any(bool mine) { return warp_votes(mine) != 0; }
inline float from_lane(float mine, int lane) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &mine, sizeof bits);
  bits = emulated::exchanged(bits, lane);
  __builtin_memcpy(&mine, &bits, sizeof bits);
  return mine;
}
inline int from_lane(int mine, int lane) {
  return static_cast<int>(emulated::exchanged(static_cast<std::uint32_t>(mine), lane));
}
inline float from_across(float mine, int offset) { return from_lane(mine, (thread_of() % 32) ^ offset); }
inline int lowest(unsigned votes) { return __builtin_ctz(votes); }
inline int votes_in(unsigned votes) { return __builtin_popcount(votes); }
inline void add(Quad* to, Quad value) { to->x += value.x, to->y += value.y, to->z += value.z, to->w += value.w; }
inline void lower(Word* to, Word value) { *to = value < *to ? value : *to; }

}  // namespace device
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
