// Fibers for splat_device_emulated.h: made once by ucontext, switched by setjmp, which asks no kernel.
#undef _FORTIFY_SOURCE  // its longjmp allows no other stack
#include "splat_device_emulated.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

namespace videoengine::emulated {
namespace {

constexpr int kThreads = 128, kLanes = 32, kWarps = kThreads / kLanes;
constexpr std::size_t kStack = 256 << 10;

// Where `count` threads meet; what they bring is kept for the generation that they meet in and for the next,
// because the first to leave may come again before the last has read.
struct Meeting {
  int count, arrived = 0;
  std::uint64_t generation = 0;
  std::uint32_t words[2][kThreads] = {};
};

struct Fiber {
  jmp_buf at;
  ucontext_t begin;
  std::unique_ptr<char[]> stack;
  bool begun = false, done = true;
  const Meeting* waits = nullptr;
  std::uint64_t since = 0;
};

struct Machine {
  Fiber fibers[kThreads];
  Meeting block{kThreads}, warps[kWarps] = {{kLanes}, {kLanes}, {kLanes}, {kLanes}};
  jmp_buf scheduler;
  ucontext_t home;
  const std::function<void()>* body = nullptr;
  int running = 0, block_number = 0;
};
thread_local std::unique_ptr<Machine> machine;

__attribute__((noinline)) void leave(Machine& m) {
  if (!_setjmp(m.fibers[m.running].at)) _longjmp(m.scheduler, 1);
}

void fiber_main() {
  for (;;) {
    Machine& m = *machine;
    (*m.body)();
    m.fibers[m.running].done = true;
    leave(m);
  }
}

__attribute__((noinline)) void resume(Machine& m, int thread) {
  Fiber& fiber = m.fibers[thread];
  m.running = thread;
  if (_setjmp(m.scheduler)) return;
  if (fiber.begun) _longjmp(fiber.at, 1);
  fiber.begun = true;
  fiber.stack.reset(new char[kStack]);
  getcontext(&fiber.begin);
  fiber.begin.uc_stack.ss_sp = fiber.stack.get();
  fiber.begin.uc_stack.ss_size = kStack;
  fiber.begin.uc_link = nullptr;
  makecontext(&fiber.begin, fiber_main, 0);
  setcontext(&fiber.begin);
}

// Brings a word and waits for all others; the words of this meeting.
const std::uint32_t* met(Meeting& meeting, int place, std::uint32_t word) {
  Machine& m = *machine;
  const std::uint64_t generation = meeting.generation;
  std::uint32_t* words = meeting.words[generation % 2];
  words[place] = word;
  if (++meeting.arrived == meeting.count) {
    meeting.arrived = 0;
    ++meeting.generation;
    return words;
  }
  Fiber& fiber = m.fibers[m.running];
  fiber.waits = &meeting, fiber.since = generation;
  leave(m);
  return words;
}

const std::uint32_t* warp_met(std::uint32_t word) {
  Machine& m = *machine;
  return met(m.warps[m.running / kLanes], m.running % kLanes, word);
}

bool block_done(Machine& m, const std::vector<int>& turns) {
  for (Fiber& fiber : m.fibers) fiber.done = false, fiber.waits = nullptr;
  for (;;) {
    bool all = true, moved = false;
    for (const int thread : turns) {
      Fiber& fiber = m.fibers[thread];
      if (fiber.done) continue;
      all = false;
      if (fiber.waits && fiber.waits->generation == fiber.since) continue;
      fiber.waits = nullptr;
      resume(m, thread);
      moved = true;
    }
    if (all) return true;
    if (!moved) return false;
  }
}

}  // namespace

bool run(int blocks, std::uint64_t seed, const std::function<void()>& body) {
  if (!machine) machine.reset(new Machine);
  Machine& m = *machine;
  m.body = &body;
  std::vector<int> turns(kThreads);
  std::iota(turns.begin(), turns.end(), 0);
  std::uint64_t draw = seed;
  for (int i = kThreads - 1; seed && i > 0; --i) {
    draw = draw * 6364136223846793005ull + 1442695040888963407ull;
    std::swap(turns[i], turns[(draw >> 33) % (i + 1)]);
  }
  for (m.block_number = 0; m.block_number < blocks; ++m.block_number) {
    if (!block_done(m, turns)) {
      machine.reset();  // fibers that wait forever
      return false;
    }
  }
  return true;
}

int thread_of() { return machine->running; }
int block_of() { return machine->block_number; }
void block_wait() { met(machine->block, machine->running, 0); }
bool block_any(bool mine) {
  const std::uint32_t* words = met(machine->block, machine->running, mine);
  return std::any_of(words, words + kThreads, [](std::uint32_t word) { return word != 0; });
}
void warp_wait() { warp_met(0); }
unsigned warp_votes(bool mine) {
  const std::uint32_t* words = warp_met(mine);
  unsigned votes = 0;
  for (int lane = 0; lane < kLanes; ++lane) votes |= (words[lane] & 1u) << lane;
  return votes;
}
std::uint32_t exchanged(std::uint32_t mine, int lane) { return warp_met(mine)[lane % kLanes]; }

}  // namespace videoengine::emulated
