// Which of the compiled instruction sets this processor has.
#pragma once

namespace videoengine {

enum class Level { kBaseline, kV3, kV4 };  // of x86-64

inline Level best_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Level::kV4;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    return Level::kV3;
  }
#endif
  return Level::kBaseline;
}

}  // namespace videoengine
