// Adam for processors with AVX-512; compiled with -march=x86-64-v4, chosen at run time.
#define VIDEOENGINE_ISA v4
#include "adam_cpu.inc"

namespace videoengine::adam {
std::int64_t step_v4(const Job<float>& job) { return adam_row::take_step(job); }
std::int64_t step_v4(const Job<double>& job) { return adam_row::take_step(job); }
}  // namespace videoengine::adam
