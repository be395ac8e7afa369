// Adam on one Gaussian: which rows move, by how much what rested has decayed, and one number's step.
//
// A Gaussian that rested through k steps has the moments of a plain Adam that saw k gradients of 0:
// beta^k times those it had. The motion of such an Adam, which goes on with what is left of its momentum,
// is left out: what nobody sees stays where it is.
#pragma once

#include "videoengine/adam.h"
#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace adam_row {

using namespace ::videoengine::adam;

constexpr int kRests = -1;  // in place of a decay

VIDEOENGINE_HD double power_of(double base, std::int64_t exponent) {
  double power = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) power *= base;
    base *= base;
  }
  return power;
}

// Moves the clock on; the correction of the moments' bias comes with it.
template <class S>
VIDEOENGINE_HD void advance(const Job<S>& job) {
  double* clock = job.clock;
  clock[kActive] = job.skip && *job.skip ? 0.0 : 1.0;
  if (clock[kActive] == 0.0) return;
  clock[kStep] += 1.0;
  const std::int64_t step = static_cast<std::int64_t>(clock[kStep]);
  clock[kOfFirst] = 1.0 / (1.0 - power_of(job.beta_first, step));
  clock[kOfSecond] = 1.0 / math::square_root(1.0 - power_of(job.beta_second, step));
}

enum class Row : int { kRest, kMoves, kFaulty };

// What a Gaussian's gradients and visibility say of it.
template <class S>
VIDEOENGINE_HD Row row_of(const Job<S>& job, std::int64_t i) {
  if (job.visible && !job.visible[i]) return Row::kRest;
  int any = job.visible ? 1 : 0, faulty = 0;
  for (int f = 0; f < kFields; ++f) {
    const Field<S>& field = job.fields[f];
    if (!field.values) continue;
    const S* gradient = field.gradients + i * field.width;
    for (int k = 0; k < field.width; ++k) {
      any |= gradient[k] != S(0) ? 1 : 0;
      faulty |= gradient[k] - gradient[k] == S(0) ? 0 : 1;
    }
  }
  return faulty ? Row::kFaulty : (any ? Row::kMoves : Row::kRest);
}

// Writes by how much the moments of a Gaussian that moves have decayed since it moved last.
template <class S>
VIDEOENGINE_HD void plan(const Job<S>& job, std::int64_t i) {
  const std::int32_t step = static_cast<std::int32_t>(job.clock[kStep]);
  const std::int64_t rested = step - 1 - job.last[i];
  job.decays[2 * i] = S(power_of(job.beta_first, rested));
  job.decays[2 * i + 1] = S(power_of(job.beta_second, rested));
  job.last[i] = step;
}

template <class S>
struct Pace {
  S size, size_high;  // rate over the bias of the first moment; of harmonics above degree 0 the second
  S of_second, epsilon, beta_first, beta_second;

  VIDEOENGINE_HD S size_of(int column) const { return column < kColors ? size : size_high; }
};

template <class S>
VIDEOENGINE_HD Pace<S> pace_of(const Job<S>& job, int field) {
  const double* rates = job.rates + field;
  const double other = field == kFields - 1 ? rates[1] : rates[0];
  return {S(rates[0] * job.clock[kOfFirst]), S(other * job.clock[kOfFirst]), S(job.clock[kOfSecond]),
          S(job.epsilon), S(job.beta_first), S(job.beta_second)};
}

template <class S>
struct Moved {
  S first, second, step;
};

// What a gradient makes of moments that have decayed, and by how much it moves its number.
template <class S>
VIDEOENGINE_HD Moved<S> moved_by(const Pace<S>& pace, S size, S gradient, S first_before, S second_before) {
  const S first = pace.beta_first * first_before + (S(1) - pace.beta_first) * gradient;
  const S second = pace.beta_second * second_before + (S(1) - pace.beta_second) * (gradient * gradient);
  return {first, second, size * first / (math::square_root(second) * pace.of_second + pace.epsilon)};
}

// Moves one number.
template <class S>
VIDEOENGINE_HD void move(const Field<S>& field, const Pace<S>& pace, std::int64_t at, S size, S decay_first,
                         S decay_second) {
  const Moved<S> moved =
      moved_by(pace, size, field.gradients[at], field.first[at] * decay_first, field.second[at] * decay_second);
  field.first[at] = moved.first, field.second[at] = moved.second;
  field.values[at] = field.values[at] - moved.step;
}

}  // namespace adam_row
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
