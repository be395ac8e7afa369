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
  bool moves = job.visible && job.visible[i];
  if (job.visible && !moves) return Row::kRest;
  S sum = S(0);  // of zeros times gradients: a number, if all are
  for (int f = 0; f < kFields; ++f) {
    const Field<S>& field = job.fields[f];
    if (!field.values) continue;
    const S* gradient = field.gradients + i * field.width;
    for (int k = 0; k < field.width; ++k) {
      moves = moves || gradient[k] != S(0);
      sum = sum + gradient[k] * S(0);
    }
  }
  return sum != S(0) ? Row::kFaulty : (moves ? Row::kMoves : Row::kRest);
}

// Writes by how much a Gaussian's moments have decayed since it moved last, and that it moves now.
template <class S>
VIDEOENGINE_HD void plan(const Job<S>& job, std::int64_t i) {
  const Row row = row_of(job, i);
  if (row != Row::kMoves) {
    job.decays[2 * i] = S(kRests);
    return;
  }
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
};

template <class S>
VIDEOENGINE_HD Pace<S> pace_of(const Job<S>& job, int field) {
  const double* rates = job.rates + field;
  const double other = field == kFields - 1 ? rates[1] : rates[0];
  return {S(rates[0] * job.clock[kOfFirst]), S(other * job.clock[kOfFirst]), S(job.clock[kOfSecond]),
          S(job.epsilon), S(job.beta_first), S(job.beta_second)};
}

// Moves one number of a row.
template <class S>
VIDEOENGINE_HD void move(const Field<S>& field, const Pace<S>& pace, std::int64_t at, int column, S decay_first,
                         S decay_second) {
  const S gradient = field.gradients[at];
  const S first = pace.beta_first * (field.first[at] * decay_first) + (S(1) - pace.beta_first) * gradient;
  const S second =
      pace.beta_second * (field.second[at] * decay_second) + (S(1) - pace.beta_second) * (gradient * gradient);
  field.first[at] = first, field.second[at] = second;
  const S below = math::square_root(second) * pace.of_second + pace.epsilon;
  field.values[at] = field.values[at] - (column < kColors ? pace.size : pace.size_high) * first / below;
}

}  // namespace adam_row
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
