// Adam (Kingma and Ba 2015) on the parameters of the Gaussians that a picture showed, as its callers see it.
#pragma once

#include <cstdint>

namespace videoengine::adam {

constexpr int kFields = 5;  // means, quaternions, log scales, logits, harmonics
constexpr int kRates = 6;   // one a field; harmonics have one for degree 0 and one for the others
constexpr int kColors = 3;  // the first numbers of a row of harmonics: degree 0

// The clock's numbers; it lies where the parameters are, so that a step can be captured in a graph.
enum Clock : int { kStep, kActive, kOfFirst, kOfSecond, kClock };
// Of gradients that are NaN or infinite: how many rows were left as they are, and the last of them.
enum Faults : int { kRows, kLastRow, kFaults };

template <class S>
struct Field {
  S* values;           // (N, width); null: frozen, and nothing else is read
  const S* gradients;  // all below as values
  S *first, *second;   // moments
  int width;
};

template <class S>
struct Job {
  Field<S> fields[kFields];
  std::int64_t count;
  const std::uint8_t* visible;  // (N), or null: those with a gradient that is not 0
  const std::int64_t* skip;     // (1), or null: where it is not 0 the step is not taken
  std::int32_t* last;           // (N): the step in which a Gaussian was moved last, 0 for none
  double* clock;                // (kClock)
  std::int64_t* faults;         // (kFaults)
  S* decays;                    // (N, 2): scratch
  double rates[kRates];
  double beta_first, beta_second, epsilon;
};

// Take a step, with the best instruction set or the baseline's. Nothing is changed where a gradient of a
// Gaussian that moves is NaN or infinite: return its number, or -1.
std::int64_t step(const Job<float>& job, bool best);
std::int64_t step(const Job<double>& job, bool best);

#ifdef VIDEOENGINE_WITH_CUDA
// Queue a step; rows with a gradient that is NaN or infinite are left as they are, and counted. Return what
// failed, or null.
const char* step_cuda(const Job<float>& job, void* stream);
const char* step_cuda(const Job<double>& job, void* stream);
#endif

}  // namespace videoengine::adam
