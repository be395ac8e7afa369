// Python binding of Adam. Arrays on the CPU are checked here; on a device the caller, who owns every byte,
// hands in addresses and a stream.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.h"
#include "videoengine/adam.h"

namespace nb = nanobind;
namespace adam = videoengine::adam;
namespace arrays = videoengine::arrays;

namespace {

using Addresses = std::vector<std::uintptr_t>;
using adam::Job;
using adam::kFields;
using Optionals = std::vector<arrays::Optional>;

constexpr int kLists = 4;       // values, gradients, first and second moments
constexpr int kNumbers = adam::kRates + 3;

template <class S>
void set_numbers(Job<S>& job, const std::vector<double>& numbers) {
  arrays::check_count(numbers.size(), kNumbers, "rates, betas and epsilon");
  for (int k = 0; k < adam::kRates; ++k) job.rates[k] = numbers[k];
  job.beta_first = numbers[adam::kRates], job.beta_second = numbers[adam::kRates + 1];
  job.epsilon = numbers[adam::kRates + 2];
}

// `tensors`: values of all fields, then their gradients, first and second moments; a frozen field has none.
template <class S>
std::int64_t on_cpu(const Optionals& tensors, const Optionals& state, std::size_t count,
                    const std::vector<std::size_t>& widths, const std::vector<double>& numbers, bool best) {
  arrays::check_count(tensors.size(), kLists * kFields, "tensors");
  arrays::check_count(state.size(), 6, "tensors of the state");
  arrays::check_count(widths.size(), kFields, "widths");
  Job<S> job{};
  const char* names[] = {"values", "gradients", "first moments", "second moments"};
  S* pointers[kLists][kFields];
  for (int list = 0; list < kLists; ++list) {
    for (int f = 0; f < kFields; ++f) {
      pointers[list][f] = arrays::numbers<S>(tensors[list * kFields + f], {count, widths[f]}, names[list]);
      if (!pointers[0][f] != !pointers[list][f]) arrays::refuse(std::string(names[list]) + " are missing", "none", "an array");
    }
  }
  for (int f = 0; f < kFields; ++f) {
    job.fields[f] = {pointers[0][f], pointers[1][f], pointers[2][f], pointers[3][f], static_cast<int>(widths[f])};
  }
  job.count = static_cast<std::int64_t>(count);
  job.visible = arrays::numbers<std::uint8_t>(state[0], {count}, "visible");
  job.skip = arrays::numbers<std::int64_t>(state[1], {1}, "skip");
  job.last = arrays::numbers<std::int32_t>(state[2], {count}, "last");
  job.clock = arrays::numbers<double>(state[3], {adam::kClock}, "clock");
  job.faults = arrays::numbers<std::int64_t>(state[4], {adam::kFaults}, "faults");
  job.decays = arrays::numbers<S>(state[5], {count, 2}, "decays");
  if (!job.last || !job.clock || !job.faults || !job.decays) arrays::refuse("the state is incomplete", "none", "an array");
  set_numbers(job, numbers);
  nb::gil_scoped_release release;
  return adam::step(job, best);
}

std::int64_t step(const Optionals& tensors, const Optionals& state, std::size_t count,
                  const std::vector<std::size_t>& widths, const std::vector<double>& numbers, bool wide,
                  const std::string& instruction_set) {
  const bool best = instruction_set == "best";
  if (!best && instruction_set != "baseline") {
    arrays::refuse("instruction_set is unknown", "'" + instruction_set + "'", "best, baseline");
  }
  return wide ? on_cpu<double>(tensors, state, count, widths, numbers, best)
              : on_cpu<float>(tensors, state, count, widths, numbers, best);
}

#ifdef VIDEOENGINE_WITH_CUDA
template <class T>
T* at(std::uintptr_t address) { return reinterpret_cast<T*>(address); }

template <class S>
void on_device(const Addresses& tensors, const Addresses& state, std::int64_t count, const std::vector<int>& widths,
               const std::vector<double>& numbers, void* stream) {
  arrays::check_count(tensors.size(), kLists * kFields, "tensors");
  arrays::check_count(state.size(), 6, "tensors of the state");
  arrays::check_count(widths.size(), kFields, "widths");
  Job<S> job{};
  for (int f = 0; f < kFields; ++f) {
    job.fields[f] = {at<S>(tensors[f]), at<S>(tensors[kFields + f]), at<S>(tensors[2 * kFields + f]),
                     at<S>(tensors[3 * kFields + f]), widths[f]};
  }
  job.count = count;
  job.visible = at<std::uint8_t>(state[0]), job.skip = at<std::int64_t>(state[1]);
  job.last = at<std::int32_t>(state[2]), job.clock = at<double>(state[3]);
  job.faults = at<std::int64_t>(state[4]), job.decays = at<S>(state[5]);
  set_numbers(job, numbers);
  if (const char* failure = adam::step_cuda(job, stream)) throw std::runtime_error(std::string("Adam on CUDA: ") + failure);
}

void step_cuda(const Addresses& tensors, const Addresses& state, std::int64_t count, const std::vector<int>& widths,
               const std::vector<double>& numbers, bool wide, std::uintptr_t stream) {
  void* queue = reinterpret_cast<void*>(stream);
  if (wide) return on_device<double>(tensors, state, count, widths, numbers, queue);
  on_device<float>(tensors, state, count, widths, numbers, queue);
}
#endif

}  // namespace

void bind_adam(nb::module_& module) {
  module.attr("ADAM_CLOCK") = static_cast<int>(adam::kClock);
  module.attr("ADAM_FAULTS") = static_cast<int>(adam::kFaults);
  module.def("adam_step", &step, nb::arg("tensors"), nb::arg("state"), nb::arg("count"), nb::arg("widths"),
             nb::arg("numbers"), nb::arg("wide"), nb::arg("instruction_set") = "best",
             "Take a step; return the number of a Gaussian whose gradient is none, or -1.");
#ifdef VIDEOENGINE_WITH_CUDA
  module.def("adam_step_cuda", &step_cuda, nb::arg("tensors"), nb::arg("state"), nb::arg("count"), nb::arg("widths"),
             nb::arg("numbers"), nb::arg("wide"), nb::arg("stream"), "Queue a step; addresses are the caller's.");
#endif
}
