// Adam for every processor, and the choice among the instruction sets.
#define VIDEOENGINE_ISA baseline
#include "adam_cpu.inc"
#include "instruction_level.h"

namespace videoengine::adam {

#if defined(__x86_64__)
std::int64_t step_v3(const Job<float>& job);
std::int64_t step_v3(const Job<double>& job);
std::int64_t step_v4(const Job<float>& job);
std::int64_t step_v4(const Job<double>& job);
#endif

namespace {

template <class S>
std::int64_t best_step(const Job<S>& job) {
#if defined(__x86_64__)
  static const Level level = best_level();
  if (level == Level::kV4) return step_v4(job);
  if (level == Level::kV3) return step_v3(job);
#endif
  return adam_row::take_step(job);
}

}  // namespace

std::int64_t step(const Job<float>& job, bool best) { return best ? best_step(job) : adam_row::take_step(job); }
std::int64_t step(const Job<double>& job, bool best) { return best ? best_step(job) : adam_row::take_step(job); }

}  // namespace videoengine::adam
