// Adam on the CPU: a thread takes a run of Gaussians, field by field.
#include <algorithm>
#include <cstdint>

#define VIDEOENGINE_ISA baseline
#include "videoengine/adam_row.h"

namespace videoengine {
namespace {

using adam::Field;
using adam::Job;
using adam::kFields;

constexpr std::int64_t kChunk = 1024;

// The least number of a Gaussian whose gradient is none, or -1.
template <class S>
std::int64_t faulty(const Job<S>& job) {
  std::int64_t least = job.count;
#pragma omp parallel for schedule(static) reduction(min : least)
  for (std::int64_t i = 0; i < job.count; ++i) {
    if (adam_row::row_of(job, i) == adam_row::Row::kFaulty) least = std::min(least, i);
  }
  return least < job.count ? least : -1;
}

template <class S>
void move_rows(const Job<S>& job, int f, std::int64_t first, std::int64_t end) {
  const Field<S>& field = job.fields[f];
  if (!field.values) return;
  const adam_row::Pace<S> pace = adam_row::pace_of(job, f);
  for (std::int64_t i = first; i < end; ++i) {
    const S of_first = job.decays[2 * i], of_second = job.decays[2 * i + 1];
    if (of_first == S(adam_row::kRests)) continue;
    for (int k = 0; k < field.width; ++k) {
      adam_row::move(field, pace, i * field.width + k, k, of_first, of_second);
    }
  }
}

template <class S>
std::int64_t take_step(const Job<S>& job) {
  const bool skipped = job.skip && *job.skip;
  if (const std::int64_t which = skipped ? -1 : faulty(job); which >= 0) return which;
  adam_row::advance(job);
  if (skipped) return -1;
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < job.count; first += kChunk) {
    const std::int64_t end = std::min(first + kChunk, job.count);
    for (std::int64_t i = first; i < end; ++i) adam_row::plan(job, i);
    for (int f = 0; f < kFields; ++f) move_rows(job, f, first, end);
  }
  return -1;
}

}  // namespace

namespace adam {

std::int64_t step(const Job<float>& job) { return take_step(job); }
std::int64_t step(const Job<double>& job) { return take_step(job); }

}  // namespace adam
}  // namespace videoengine
